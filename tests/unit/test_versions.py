"""Each version is written in one place, and what repeats it says the same."""

import re
import tomllib
from configparser import ConfigParser, RawConfigParser
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.conf import settings

from config.version import version

ROOT = Path(settings.BASE_DIR)
SETUP = RawConfigParser()
SETUP.read(ROOT / "setup.cfg", encoding="utf-8")
RELEASES = re.findall(
    r"^## (\d+)\.(\d+)\.(\d+) – (\d{4}-\d\d-\d\d)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE
)


def loaded(path: str) -> Any:
    """A YAML file."""
    return yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))


def pythons() -> list[str]:
    """Those that the package may be installed on."""
    found = re.fullmatch(r">=3\.(\d+),<3\.(\d+)", SETUP["options"]["python_requires"])
    assert found
    return [f"3.{minor}" for minor in range(int(found[1]), int(found[2]))]


# --- ours ------------------------------------------------------------------------------------------------------------


def test_the_version_is_the_newest_release_of_the_changelog() -> None:
    """And what a running shop calls itself."""
    newest = ".".join(RELEASES[0][:3])
    assert SETUP["metadata"]["version"] == newest
    assert version() == newest


def test_the_changelog_has_releases_with_dates_the_newest_first() -> None:
    """What has not been released yet stands above them."""
    headings = re.findall("^## (.+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[0] == "Unreleased"
    assert len(headings) == len(RELEASES) + 1
    versions = [tuple(map(int, release[:3])) for release in RELEASES]
    days = [date.fromisoformat(release[3]) for release in RELEASES]
    assert all(newer > older for newer, older in pairwise(versions))
    assert days == sorted(days, reverse=True)


# --- Python's --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md", "SECURITY.md", "deploy/install.py", "Makefile"])
def test_every_text_names_the_same_pythons(document: str) -> None:
    """As `3.11 to 3.14`."""
    ranges = set(re.findall(r"3\.\d+ to 3\.\d+", (ROOT / document).read_text()))
    assert ranges == {f"{pythons()[0]} to {pythons()[-1]}"}


def test_make_takes_the_same_pythons() -> None:
    """It refuses others before it makes an environment."""
    bounds = re.search(r"not \((\d), (\d+)\) <= .+ <= \((\d), (\d+)\)", (ROOT / "Makefile").read_text())
    assert bounds
    assert [f"{bounds[1]}.{bounds[2]}", f"{bounds[3]}.{bounds[4]}"] == [pythons()[0], pythons()[-1]]


def test_tools_read_the_code_as_the_oldest_python_does() -> None:
    """Otherwise they would take what only a newer one understands."""
    ruff = tomllib.loads((ROOT / ".ruff.toml").read_text())
    assert ruff["target-version"] == f"py{pythons()[0].replace('.', '')}"
    assert SETUP["mypy"]["python_version"] == pythons()[0]
    assert f"--python-version={pythons()[0]}" in (ROOT / "deploy/requirements/lock.py").read_text()


# --- tools -----------------------------------------------------------------------------------------------------------


def test_ci_runs_on_every_python() -> None:
    """With what a contributor runs: a target of make, or the script of our own CI."""
    jobs = loaded(".github/workflows/ci.yml")["jobs"]
    assert jobs["fast"]["strategy"]["matrix"]["python"] == pythons()
    steps = [step for job in jobs.values() for step in job["steps"]]
    actions = [step["uses"] for step in steps if "uses" in step]
    assert [action for action in actions if not re.fullmatch(r"[\w-]+/[\w-]+@v\d+(\.\d+)*", action)] == []
    told = " ".join(step.get("run", "") for step in steps)
    assert "bash .ci/run" in told
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    (fast,) = re.findall(r"make ([a-z -]+) PYTHON=", told)
    assert set(fast.split()) <= targets


def test_hooks_run_the_programs_of_the_lock() -> None:
    """None has a version of its own; together they are `make lint`."""
    (local,) = loaded(".pre-commit-config.yaml")["repos"]
    assert local["repo"] == "local"
    assert {hook["language"] for hook in local["hooks"]} == {"system"}
    hooks = {re.sub(r" --force-exclude|\.venv/bin/|python manage\.py ", "", hook["entry"]) for hook in local["hooks"]}
    lint = (ROOT / "Makefile").read_text().partition("\nlint:")[2].partition("\n\n")[0]
    linted = re.findall(r"^\t(?:\$\(BIN\)/|\$\(MANAGE\) )(.+?)(?: \.)?$", lint, re.MULTILINE)
    assert hooks == set(linted)


def test_editors_and_ruff_agree_on_the_length_of_lines() -> None:
    """And the file can be read."""
    editor = ConfigParser()
    editor.read_string(f"[top]\n{(ROOT / '.editorconfig').read_text()}")
    ruff = tomllib.loads((ROOT / ".ruff.toml").read_text())
    assert editor["*"]["max_line_length"] == str(ruff["line-length"])
