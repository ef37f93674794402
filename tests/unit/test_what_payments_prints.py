"""`manage.py payments` without a database."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

from tests.stack.ports import LOOPBACK, free_port


@pytest.mark.parametrize("verb", [["list"], ["show", "1"], ["check", "1"], ["attention"]], ids=lambda verb: verb[0])
def test_a_database_that_is_away_is_one_sentence(tmp_path: Path, verb: list[str]) -> None:
    """Status 2, no traceback, and no password."""
    address = f"postgres://till:hush@{LOOPBACK}:{free_port()}/shop"
    clean = {"PATH": os.environ["PATH"], "VAR_DIR": str(tmp_path), "DATABASE_URL": address}

    done = subprocess.run(
        [sys.executable, "manage.py", "payments", *verb, "--json"],
        cwd=settings.BASE_DIR, env=clean, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert (done.returncode, done.stdout) == (2, "")
    assert "The database does not answer" in done.stderr
    assert "see DATABASE_URL" in done.stderr
    assert "Traceback" not in done.stderr
    assert "hush" not in done.stderr
