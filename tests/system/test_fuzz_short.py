"""The short form of `make fuzz-http`: some hostile requests to every URL, over HTTP, to gunicorn on PostgreSQL."""

import os
import sys
from pathlib import Path

from tests.stack.ports import HANG_S
from tests.stack.processes import Program

ROOT = Path(__file__).parents[2]
REQUESTS = 600

NOT_JUDGED_S = 1_000
"""Here a slow machine is no fault; the long form judges the time of an answer."""


def test_no_request_is_answered_with_500(tmp_path: Path) -> None:
    """Always the same requests. The superuser is let in everywhere, or the fuzz would try nothing."""
    options = ["--requests", str(REQUESTS), "--seed", "1", "--slow-s", str(NOT_JUDGED_S)]
    environment = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    fuzz = [sys.executable, "-m", "tests.fuzz", *options]
    with Program("fuzz", fuzz, environment, ROOT, tmp_path / "fuzz.log") as program:
        status = program.wait(10 * HANG_S)

    assert status == 0, program.last_lines(60)
    assert "No answer of 500" in program.output()
