"""The rate limit of an account, twice: slots for all processes, and a pace within each process.

Slots are places on a time line: one timestamp instead of a counter that must be reset. `next_slot_at` is the
theoretical arrival time of the generic cell rate algorithm: slots are a fixed distance apart, and all slots before it
are taken. A caller takes the next slots and starts when they come, so the calls of all processes are spread evenly. In
any `t` seconds at most `limit * t + BURST_CALLS + 1` slots start.

A thread may be late for its slot, and a call may need a second request: without pacing, ten late threads on a busy
machine would send at once.
"""

import threading
import time
from datetime import datetime, timedelta

from django.conf import settings

from billing.errors import NotNow

BURST_CALLS = 5
"""Calls that customers may make at once, ahead of their turn. Together with Stripe's limit of 20 a second they stay
within the 25 that it allows (https://docs.stripe.com/rate-limits).
"""

LOOK_AHEAD_S = 0.25
"""How far ahead sweeps take slots: one write serves many calls, and customers who come meanwhile go first."""

LONGEST_WAIT_S = 1.0
"""The longest wait for a turn; a longer one raises NotNow, because claims expire and threads are few."""


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
    """When an urgent call may start: BURST_CALLS slots before its turn. Sweeps never start early."""
    return max(now, next_slot_at - BURST_CALLS * distance(limit))


class Pace:
    """Spaces this process's requests to one account like slots, by its own clock. Safe to share between threads."""

    def __init__(self, account: str) -> None:
        self._account = account
        self._lock = threading.Lock()
        self._next_at = 0.0

    def wait(self) -> None:
        """Wait for this request's turn. Raises NotNow, and takes no turn, if it takes more than LONGEST_WAIT_S."""
        if limit := limit_per_s(self._account):
            time.sleep(self.take(1 / limit, time.monotonic()))

    def take(self, step_s: float, now: float) -> float:
        """Take a turn, `step_s` after the one before; returns the seconds until then."""
        with self._lock:
            first = max(self._next_at, now)
            wait_s = max(0.0, first - BURST_CALLS * step_s - now)
            if wait_s > LONGEST_WAIT_S:
                raise NotNow(f"the account {self._account} is at its limit")
            self._next_at = first + step_s
            return wait_s


def longest_request_s() -> float:
    """The longest time that a request takes, its wait for a turn included. Leases are computed from it."""
    return float(settings.PAYMENT_API_TIMEOUT_S) + LONGEST_WAIT_S
