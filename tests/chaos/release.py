"""The code of the last release, out of the repository's history."""

import re
import subprocess
import tarfile
from io import BytesIO
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

DATED = re.compile(r"^## ([\d.]+) – \d{4}-\d{2}-\d{2}$", re.MULTILINE)
"""The heading of a release in the CHANGELOG; what is not released yet has no date."""


class NoRelease(Exception):
    """The history does not reach back to the last release."""


def write(directory: Path) -> str:
    """Write the last release's files into a new directory; returns its version. Raises NoRelease."""
    found = DATED.search((ROOT / "CHANGELOG.md").read_text(encoding="utf-8"))
    commit = _commit_of(found[0]) if found else ""
    if not found or not commit:
        raise NoRelease("The history has no release. In a shallow clone, run: git fetch --unshallow")
    archive = subprocess.run(["git", "archive", commit], cwd=ROOT, check=True, capture_output=True).stdout
    with tarfile.open(fileobj=BytesIO(archive)) as files:
        files.extractall(directory, filter="data")
    return found[1]


def _commit_of(heading: str) -> str:
    """The commit of the main line that brought the heading."""
    command = ["git", "log", "--first-parent", "-m", "--format=%H", f"-S{heading}", "--", "CHANGELOG.md"]
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    return done.stdout.split()[-1] if done.stdout else ""
