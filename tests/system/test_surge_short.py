"""The short form of `make surge`: ten times the expected load for ten seconds, behind nginx."""

import sys
from pathlib import Path

from tests.chaos.surge import NOT_RECOVERED
from tests.stack.ports import HANG_S
from tests.stack.processes import Program

ROOT = Path(__file__).parents[2]


def test_too_many_customers_leave_nothing_lost_and_no_naked_page(tmp_path: Path) -> None:
    """Beside other tests it measures no time, so it may be slow to recover; `make surge` judges that."""
    options = ["--seconds", "10", "--seed", "1", "--directory", str(tmp_path / "surge")]
    with Program("surge", [sys.executable, "-m", "tests.chaos.surge", *options], cwd=ROOT) as program:
        status = program.wait(10 * HANG_S)

    line = program.last_lines(1)
    assert status in {0, NOT_RECOVERED}, program.last_lines(60)
    assert line.startswith("surge: expected=1/s offered=10/s seconds=10 arrived=140 "), line
    assert " naked=0 " in line, line
    assert " restarts=0 " in line, line
