"""The rate limit of an account, as slots on a time line: one timestamp instead of a counter that must be reset.

`next_slot_at` is the theoretical arrival time of the generic cell rate algorithm: slots are a fixed distance apart, and
all slots before it are taken. A caller takes the next slots and starts when they come, so the calls of all processes
are spread evenly. In any `t` seconds at most `limit * t + BURST_CALLS + 1` slots start.

This module uses no database and no clock.
"""

from datetime import datetime, timedelta

from django.conf import settings

BURST_CALLS = 5
"""Calls that customers may make at once, ahead of their turn. Together with Stripe's limit of 20 a second they stay
within the 25 that it allows (https://docs.stripe.com/rate-limits).
"""

LOOK_AHEAD_S = 0.25
"""How far ahead sweeps take slots: one write serves many calls, and customers who come meanwhile go first."""


def limit_per_s(account: str) -> float:
    """Calls per second to this account, by all processes together; 0: no limit."""
    return float(settings.PAYMENT_ACCOUNTS.get(account, {}).get("rate_limit_per_s", 0))


def distance(limit: float) -> timedelta:
    """The time between two slots."""
    return timedelta(seconds=1 / limit)


def free_slots(next_slot_at: datetime, now: datetime, limit: float, most: int) -> list[datetime]:
    """The next slots within LOOK_AHEAD_S from now; none if customers have taken them."""
    step, first = distance(limit), max(next_slot_at, now)
    ahead = now + timedelta(seconds=LOOK_AHEAD_S) - first
    fitting = int(ahead / step) + 1 if ahead >= timedelta(0) else 0
    return [first + number * step for number in range(min(most, fitting))]


def urgent_start(next_slot_at: datetime, now: datetime, limit: float) -> datetime:
    """When an urgent call may start: BURST_CALLS slots before its turn.

    Sweeps never start early, so with any backlog these slots are left for customers.
    """
    return max(now, next_slot_at - BURST_CALLS * distance(limit))
