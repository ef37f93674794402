"""The rate limit of an account, as slots on a time line: one timestamp, and no counter that must be reset.

`next_slot_at` is what the generic cell rate algorithm calls the theoretical arrival time: slots are a fixed distance
apart, and all before it are taken. Whoever wants to call takes the next ones and starts when they come, so the calls of
all processes are spread evenly. In any time of `t` seconds at most `limit * t + BURST_CALLS + 1` slots start.

Nothing here touches a database or reads a clock.
"""

from datetime import datetime, timedelta

from django.conf import settings

BURST_CALLS = 5
"""Calls that customers may make at once, ahead of their turn. Together with Stripe's limit of 20 a second they stay
within the 25 that it allows (https://docs.stripe.com/rate-limits).
"""

LOOK_AHEAD_S = 0.25
"""Sweeps take slots so far ahead, so that one write is good for many calls; customers who come meanwhile go first."""


def limit_per_s(account: str) -> float:
    """Calls per second to this account, by all processes together; 0: no limit."""
    return float(settings.PAYMENT_ACCOUNTS.get(account, {}).get("rate_limit_per_s", 0))


def distance(limit: float) -> timedelta:
    """Between two slots."""
    return timedelta(seconds=1 / limit)


def free_slots(next_slot_at: datetime, now: datetime, limit: float, most: int) -> list[datetime]:
    """The next slots, up to LOOK_AHEAD_S from now: none while customers have taken those."""
    step, first = distance(limit), max(next_slot_at, now)
    ahead = now + timedelta(seconds=LOOK_AHEAD_S) - first
    fitting = int(ahead / step) + 1 if ahead >= timedelta(0) else 0
    return [first + number * step for number in range(min(most, fitting))]


def urgent_start(next_slot_at: datetime, now: datetime, limit: float) -> datetime:
    """When somebody who cannot wait may start: BURST_CALLS slots before their turn.

    Sweeps never do that, so these are kept for customers, whatever the backlog.
    """
    return max(now, next_slot_at - BURST_CALLS * distance(limit))
