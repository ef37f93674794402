"""One of two providers is away, on a small scale; `python -m tests.bench --only outage` is the same with 10,000."""

import pytest

from billing.limits.rate import BURST_CALLS
from tests.bench.outage import ACCOUNTS, Drill, Plan
from tests.stopwatch import TooSlow, assert_quick
from tests.system.house import House

LIMIT_PER_S = 60


@pytest.mark.alone
def test_an_outage_of_one_provider_is_no_business_of_the_other(house: House) -> None:
    """It is on time all along; afterwards everything is settled, nothing failed, and no limit was exceeded."""
    forget_earlier_drills(house)
    plan = Plan(payments=80, outage_s=5, kind="hang", limit_per_s=LIMIT_PER_S, slow_track_s=4, patience_s=60)

    found = Drill(house, plan).run()

    assert found.statuses == {"succeeded": 2 * 80 + 1}
    assert (found.attention, found.due_for_ever) == (0, 0)
    assert found.calls_during < 64 + 10
    for calls in found.busiest_s.values():
        if calls > LIMIT_PER_S + BURST_CALLS + 1 + LIMIT_PER_S // 4:
            raise TooSlow(f"{calls} calls came in a second: more arrived together than a machine at ease lets pile up")
    assert_quick(max(found.lags_s + found.rush_lags_s), 3, "the other's most overdue payment")


def forget_earlier_drills(house: House) -> None:
    """A test that was too slow tries again, in the same house."""
    theirs = "SELECT id FROM billing_payment WHERE account = ANY(%s)"
    house.sql(f"DELETE FROM billing_paymentevent WHERE payment_id IN ({theirs})", list(ACCOUNTS))  # noqa: S608
    house.sql("DELETE FROM billing_payment WHERE account = ANY(%s)", list(ACCOUNTS))
