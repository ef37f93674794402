"""Slots: whoever takes them and whenever, no time holds more calls than the limit allows."""

from datetime import UTC, datetime, timedelta

import pytest
from django.test import override_settings
from hypothesis import given
from hypothesis import strategies as st

from billing.limits import rate

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)

Wish = tuple[float, int, bool]
"""Seconds since the last one, calls, and whether it is urgent."""

wishes = st.lists(st.tuples(st.floats(0, 0.5), st.integers(1, 64), st.booleans()), min_size=1, max_size=30)


def serve(limit: float, asked: list[Wish]) -> list[float]:
    """Play the account's row: when calls start, in seconds."""
    next_slot_at = now = NOON
    starts: list[datetime] = []
    for pause_s, calls, urgent in asked:
        now += timedelta(seconds=pause_s)
        if urgent:
            first = max(next_slot_at, now)
            taken = [rate.urgent_start(first, now, limit)]
            next_slot_at = first + rate.distance(limit)
        else:
            taken = rate.free_slots(next_slot_at, now, limit, calls)
            next_slot_at = taken[-1] + rate.distance(limit) if taken else next_slot_at
        starts += taken
    return sorted((start - NOON).total_seconds() for start in starts)


@given(limit=st.sampled_from([0.5, 3, 20, 100]), burst=st.integers(0, 10), asked=wishes)
def test_no_time_holds_more_than_limit_and_burst(limit: float, burst: int, asked: list[Wish]) -> None:
    """In t seconds: limit * t, the burst, and the one at the beginning."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rate, "BURST_CALLS", burst)
        starts = serve(limit, asked)
    # More than allowed between two starts shows as a rise of `limit * start - number` by more than the burst.
    highest = float("-inf")
    for number, start in enumerate(starts):
        highest = max(highest, limit * start - number)
        assert highest - (limit * start - number) <= burst + 0.01


@given(limit=st.sampled_from([3, 20, 200]), ahead_s=st.floats(0, 5), most=st.integers(0, 100))
def test_a_sweep_takes_no_more_than_the_near_future(limit: float, ahead_s: float, most: int) -> None:
    """Evenly spaced, from now on, and none if the near future is taken."""
    free = rate.free_slots(NOON + timedelta(seconds=ahead_s), NOON, limit, most)

    assert len(free) <= most
    assert all(NOON <= slot <= NOON + timedelta(seconds=rate.LOOK_AHEAD_S) for slot in free)
    if ahead_s > rate.LOOK_AHEAD_S:
        assert free == []


def test_an_idle_account_has_a_slot_at_once() -> None:
    """Time that passed unused is not saved up."""
    earlier, step = NOON - timedelta(hours=1), timedelta(seconds=0.05)
    assert rate.free_slots(earlier, NOON, 20, 3) == [NOON, NOON + step, NOON + 2 * step]
    assert rate.urgent_start(earlier, NOON, 20) == NOON


def test_limits_are_by_account() -> None:
    """An account that is not there any more has none: it is not called."""
    with override_settings(PAYMENT_ACCOUNTS={"eu": {"rate_limit_per_s": "7"}}):
        assert (rate.limit_per_s("eu"), rate.limit_per_s("us")) == (7, 0)
