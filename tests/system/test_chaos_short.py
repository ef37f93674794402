"""The short form of `make chaos`: 300 customers, and each of the twelve kinds of faults once."""

import sys
from pathlib import Path

from tests.stack.ports import HANG_S
from tests.stack.processes import Program

ROOT = Path(__file__).parents[2]

SEED = 1
"""Always the same customers and faults; `make chaos` finds new ones."""


def test_customers_and_faults_leave_nothing_lost_doubled_or_wrong(tmp_path: Path) -> None:
    """The stranger's exit status is 0: every book agrees, and the shop has come to rest."""
    options = ["--orders", "300", "--faults", "12", "--seed", str(SEED), "--directory", str(tmp_path / "chaos")]
    with Program("chaos", [sys.executable, "-m", "tests.chaos", *options], cwd=ROOT) as program:
        status = program.wait(20 * HANG_S)

    assert status == 0, program.last_lines(60)
    assert len((tmp_path / "chaos/faults.jsonl").read_text().splitlines()) == 12
    assert (tmp_path / "chaos/timeline.svg").stat().st_size
