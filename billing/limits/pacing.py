"""Pacing: within a process, an account's requests are never closer together than its rate limit allows.

Slots say when a call may start, on a time line that all processes share. But a thread may be late for its slot, and a
call may need a second request: without pacing, ten late threads on a busy machine would send at once.
"""

import threading
import time
from functools import cache

from django.conf import settings

from billing.errors import NotNow
from billing.limits import rate

LONGEST_WAIT_S = 1.0
"""The longest wait for a turn; a longer one raises NotNow, because claims expire and threads are few."""


class Pace:
    """Spaces this process's requests to one account; up to `rate.BURST_CALLS` may go early.

    The same algorithm as for slots, on the process's own clock. Safe to share between threads.
    """

    def __init__(self, account: str) -> None:
        self._account = account
        self._lock = threading.Lock()
        self._next_at = 0.0

    def wait(self) -> None:
        """Wait for this request's turn. Raises NotNow, and takes no turn, if it takes more than LONGEST_WAIT_S."""
        if limit := rate.limit_per_s(self._account):
            time.sleep(self.take(1 / limit, time.monotonic()))

    def take(self, step_s: float, now: float) -> float:
        """Take a turn, `step_s` after the one before; returns the seconds until then."""
        with self._lock:
            first = max(self._next_at, now)
            wait_s = max(0.0, first - rate.BURST_CALLS * step_s - now)
            if wait_s > LONGEST_WAIT_S:
                raise NotNow(f"the account {self._account} is at its limit")
            self._next_at = first + step_s
            return wait_s


def longest_request_s() -> float:
    """The longest time that a request takes, its wait for a turn included. Leases are computed from it."""
    return float(settings.PAYMENT_API_TIMEOUT_S) + LONGEST_WAIT_S


@cache
def pace_of(account: str) -> Pace:
    """The account's pace in this process."""
    return Pace(account)
