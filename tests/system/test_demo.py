"""`make demo`, smaller: both modes come to the end that the customers caused, and say so in their last line."""

import signal
import sys
from pathlib import Path

import psutil
import pytest

from tests.stack.ports import HANG_S
from tests.stack.processes import Program, lives

HOME = Path(__file__).resolve().parents[2]

LAST_LINE = "demo: placed=20 paid=14 canceled=3 expired=3 mailed=14 wrong=0 lost=0 unfinished=0"

ENDS_WITHIN_S = 1_000.0
"""It has a limit of its own below that, and takes 30 s on a quiet machine."""

MODES = pytest.mark.parametrize(
    "options",
    [pytest.param((), id="embedded"), pytest.param(("--services",), id="services", marks=pytest.mark.campaign)],
)


@pytest.mark.campaign
@pytest.mark.alone
@MODES
def test_every_order_comes_to_what_its_customer_caused(options: tuple[str, ...]) -> None:
    """Status 0, and the numbers of the mix in the last line."""
    with demo(*options) as program:
        status = program.wait(ENDS_WITHIN_S)

    assert status == 0, program.output()
    assert program.last_lines(1) == LAST_LINE


@pytest.mark.campaign
@MODES
def test_an_interrupted_demo_leaves_nothing_behind(options: tuple[str, ...]) -> None:
    """Ctrl-C in the middle of it: status 130, and every process it started has ended."""
    with demo(*options) as program:
        program.wait_for_output("placed [1-9]", ENDS_WITHIN_S)
        family = psutil.Process(program.pid).children(recursive=True)
        program.send(signal.SIGINT)
        status = program.wait(HANG_S)

    assert status == 130, program.output()
    assert family
    assert not [member for member in family if lives(member)]


def demo(*options: str) -> Program:
    """The demo, started by hand."""
    return Program("demo", [sys.executable, "-m", "tests.demo", "--orders", "20", "--seed", "1", *options], cwd=HOME)
