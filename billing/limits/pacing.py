"""The last gate before the wire: a process never sends an account's requests closer together than its limit allows.

Slots say when a call may start, by the one time line that all processes share; but a thread may be late for its slot,
and a call may turn out to need a second request. Without a gate, ten late threads on a busy machine go at once.
"""

import threading
import time
from functools import cache

from django.conf import settings

from billing.errors import NotNow
from billing.limits import rate

LONGEST_WAIT_S = 1.0
"""Whoever would stand at the gate for longer comes back later: claims end, and threads are few."""


class Pace:
    """Requests of this process to one account, at most `slots.BURST_CALLS` of them ahead of their time.

    The same algorithm as the slots', on this process's own clock; safe to share between threads.
    """

    def __init__(self, account: str) -> None:
        self._account = account
        self._lock = threading.Lock()
        self._next_at = 0.0

    def wait(self) -> None:
        """Until this request may be sent. Raises NotNow, and takes no turn, if that is in more than LONGEST_WAIT_S."""
        if limit := rate.limit_per_s(self._account):
            time.sleep(self.take(1 / limit, time.monotonic()))

    def take(self, step_s: float, now: float) -> float:
        """Take a turn, `step_s` after the one before; returns the seconds until it comes."""
        with self._lock:
            first = max(self._next_at, now)
            wait_s = max(0.0, first - rate.BURST_CALLS * step_s - now)
            if wait_s > LONGEST_WAIT_S:
                raise NotNow(f"the account {self._account} is at its limit")
            self._next_at = first + step_s
            return wait_s


def longest_request_s() -> float:
    """What a request may take, with its wait at the gate. Leases are made of it."""
    return float(settings.PAYMENT_API_TIMEOUT_S) + LONGEST_WAIT_S


@cache
def pace_of(account: str) -> Pace:
    """The account's gate in this process."""
    return Pace(account)
