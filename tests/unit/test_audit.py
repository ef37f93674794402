"""`make audit`: a known vulnerability fails, and a network that is away does not."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

ANSWERS = {
    "vulnerable": (
        '{"dependencies": [{"name": "django", "version": "1.0", "vulns": [{"id": "PYSEC-1", "fix_versions": ["1.1"]}]}'
        "]}",
        1,
        "django 1.0: PYSEC-1, mended in 1.1",
    ),
    "nothing known": ('{"dependencies": [{"name": "django", "version": "9.0", "vulns": []}]}', 0, "pip-audit: 1 of "),
    "not found": ('{"dependencies": [{"name": "django", "skip_reason": "not found"}]}', 0, "pip-audit: 0 of "),
    "no network": ("", 0, "pip-audit: 0 of "),
}


@pytest.mark.parametrize("case", ANSWERS)
def test_what_pip_audit_answers_decides(tmp_path: Path, case: str) -> None:
    """A module of this name answers in its place: the real one needs the data of PyPI."""
    answer, status, told = ANSWERS[case]
    (tmp_path / "pip_audit.py").write_text(f"print({answer!r})")

    done = subprocess.run(
        [sys.executable, "deploy/requirements/audit.py"],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(tmp_path)}, text=True, capture_output=True, check=False,
    )  # fmt: skip

    assert (done.returncode, done.stderr) == (status, "")
    assert done.stdout.startswith(told)
