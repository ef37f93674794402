"""A host whose clock is an hour off, one part of the house at a time."""

import pytest

from tests.stack.ports import HANG_S, wait_until
from tests.stack.programs import find_faketime
from tests.system.house import ROOT, START_S, House

HOUR_S = 3_600


@pytest.mark.campaign
@pytest.mark.parametrize("part", ["worker", "scheduler"])
@pytest.mark.parametrize("wrong_s", [HOUR_S, -HOUR_S], ids=["fast", "slow"])
def test_a_wrong_clock_is_told_and_does_no_harm(house: House, part: str, wrong_s: int) -> None:
    """Due times are compared by the database, and the age of a message by a clock that was compared with it."""
    house.provider.callbacks(lose_all=True)
    with house.told(**{part: clock_of(wrong_s)}):
        house.run("web", "worker", "scheduler")
        house.part(part).wait_for_output('"clock.wrong"', START_S)
        orders = house.place(2)
        house.pay(orders)
        house.wait_until_settled(orders, HANG_S)
        house.assert_paid_and_mailed_once(orders)


@pytest.mark.campaign
def test_a_wrong_clock_of_the_web_costs_callbacks_and_no_order(house: House) -> None:
    """What is signed by the hour is taken for forged; the outcome is found by asking, often before the callback."""
    before = forged(house)
    with house.told(web=clock_of(HOUR_S)):
        house.run("web", "worker", "scheduler")
        orders = house.place(2)
        house.pay(orders)
        house.wait_until_settled(orders, HANG_S)
        house.assert_paid_and_mailed_once(orders)
        wait_until(lambda: forged(house) - before >= len(orders), "each order's callback was refused", HANG_S)


def forged(house: House) -> int:
    """How many callbacks were taken for forged so far."""
    [(callbacks,)] = house.sql("SELECT count(*) FROM billing_callback WHERE outcome = 'forged'")
    return int(callbacks)


def clock_of(wrong_s: int) -> dict[str, str]:
    """What gives a program another time of day; its stopwatch stays right, as with a clock that was set wrongly."""
    return {
        "LD_PRELOAD": str(find_faketime()),
        "FAKETIME": f"{wrong_s:+d}s",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "NO_FAKE_STAT": "1",
        "PYTHONPATH": str(ROOT / "tests/stack/wrong_clock"),
    }
