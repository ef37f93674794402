"""The gate before the wire: late threads, and second requests, do not go all at once."""

import time

import pytest
from django.test import override_settings
from hypothesis import given
from hypothesis import strategies as st

from billing.errors import NotNow
from billing.limits import rate
from billing.limits.rate import Pace

LIMIT_PER_S = 100


@given(arrivals=st.lists(st.floats(0, 0.2), min_size=2, max_size=60), burst=st.integers(0, 10))
def test_no_time_holds_more_than_limit_and_burst(arrivals: list[float], burst: int) -> None:
    """However late and however many at once: in t seconds limit * t, the burst, and the one at the beginning."""
    pace, now, starts = Pace("any"), 1_000.0, []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rate, "BURST_CALLS", burst)
        for pause_s in arrivals:
            now += pause_s
            starts.append(now + pace.take(1 / LIMIT_PER_S, now))

    for first, start in enumerate(starts):
        for last in range(first + 1, len(starts)):
            assert last - first <= LIMIT_PER_S * (starts[last] - start) + burst + 0.01


def test_requests_at_once_are_sent_one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a real clock; nobody goes before his time."""
    pace, began = Pace("any"), time.monotonic()
    monkeypatch.setattr(rate, "BURST_CALLS", 0)
    with override_settings(PAYMENT_ACCOUNTS={"any": {"rate_limit_per_s": str(LIMIT_PER_S)}}):
        for _ in range(5):
            pace.wait()

    assert time.monotonic() - began >= 4 / LIMIT_PER_S - 0.001  # clocks are not exact


def test_whoever_would_wait_too_long_is_told_so_and_takes_no_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """The payment's claim must not end while its thread stands at the gate."""
    pace = Pace("any")
    monkeypatch.setattr(rate, "BURST_CALLS", 0)
    assert pace.take(10, 1_000.0) == 0
    with pytest.raises(NotNow, match="at its limit"):
        pace.take(10, 1_001.0)
    assert pace.take(10, 1_009.5) == 0.5


def test_without_a_limit_nobody_waits() -> None:
    """0 means none."""
    with override_settings(PAYMENT_ACCOUNTS={"any": {"rate_limit_per_s": "0"}}):
        for _ in range(1_000):
            Pace("any").wait()
