"""The rate limit of an account, as slots on a time line: one timestamp, and no counter that must be reset.

`next_slot_at` is what the generic cell rate algorithm calls the theoretical arrival time: slots are a fixed distance
apart, and all before it are taken. Whoever wants to call takes the next ones and starts when they come, so the calls of
all processes are spread evenly. In any time of `t` seconds at most `limit * t + PROVIDER_BURST_CALLS + 1` slots start.

Nothing here touches a database or reads a clock.
"""

from datetime import datetime, timedelta

from django.conf import settings

LOOK_AHEAD_S = 0.25
"""Sweeps take slots so far ahead, so that one write is good for many calls; customers who come meanwhile go first."""


def limit_per_s(account: str) -> float:
    """Calls per second to this account, by all processes together; 0: no limit."""
    limit: float = settings.PROVIDER_RATE_LIMITS_PER_S.get(account, settings.PROVIDER_RATE_LIMIT_PER_S)
    return limit


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
    """When somebody who cannot wait may start: PROVIDER_BURST_CALLS slots before their turn.

    Sweeps never do that, so these are kept for customers, whatever the backlog.
    """
    return max(now, next_slot_at - settings.PROVIDER_BURST_CALLS * distance(limit))
