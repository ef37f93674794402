"""One of two providers is away, on a small scale; `python -m tests.bench --only outage` is the same with 10,000."""

import pytest

from tests.bench.outage import Drill, Plan
from tests.stopwatch import assert_quick
from tests.system.house import House

LIMIT_PER_S = 60


@pytest.mark.alone
def test_an_outage_of_one_provider_is_no_business_of_the_other(house: House) -> None:
    """It is on time all along; afterwards everything is settled, nothing failed, and no limit was exceeded."""
    house.run()
    plan = Plan(payments=80, outage_s=5, kind="hang", limit_per_s=LIMIT_PER_S, slow_track_s=4, probe_s=1, patience_s=30)

    found = Drill(house, plan).run()

    assert found.statuses == {"succeeded": 2 * 80 + 1}
    assert (found.attention, found.due_for_ever) == (0, 0)
    assert found.calls_during < 64 + 10
    for calls in found.busiest_s.values():
        assert calls <= LIMIT_PER_S + plan.burst + 1 + LIMIT_PER_S // 4  # what was sent in time may arrive together
    assert_quick(max(found.lags_s + found.rush_lags_s), 3, "the other's most overdue payment")
