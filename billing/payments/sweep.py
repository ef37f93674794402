"""The sweep: claim due payments, check them in parallel, write the results.

Each process has one *lane* per account, with a fixed number of calls at once. A lane claims only what it can start now:
it needs a free place, and the account's limit, pause and breaker must allow the call (`billing.limits.permits`). A
provider that hangs fills its own lane and slows no other. A backlog stays in the database, where every process can
help with it.
"""

import logging
import queue
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cache, partial

from django.conf import settings
from django.db.models import Q
from django.db.models.functions import Now

from billing.attention import park
from billing.limits import permits, rate
from billing.models import Attention, Payment
from billing.payments.check import CHECK_QUEUE, CheckResult, calls_needed, check, record
from config.due import shutting_down
from config.due.queue import database_now
from config.messaging.nudges import nudge

log = logging.getLogger(__name__)

YOUNG_SHARE = 2 / 3
"""If more is due than fits: the share of the fast track, whose customers wait. The rest goes by waiting time."""

CLAIM_AT_LEAST = 16
"""Free places before the next claim: a claim costs three statements, for one row or for many."""

CLAIM_AGAIN_S = 0.25
"""How often to look for new work while slow calls are under way."""

GRANT_AGAIN_S = rate.LOOK_AHEAD_S / 2
"""How often to ask for slots under a rate limit: new ones are taken before the last ones have passed."""

DIRECT_CALLS = 2
"""Checks outside the lane at once (callbacks, returning customers): a hung provider must not take every thread."""


def accounts_with_due_payments() -> list[str]:
    return list(CHECK_QUEUE.due(database_now()).order_by("account").values_list("account", flat=True).distinct())


def check_due(account: str, seconds: float) -> int:
    """Check the account's due payments for up to `seconds`; returns how many. 0 if this process does it already."""
    return lane(account).work_off(seconds)


def check_one(payment_id: int) -> bool:
    """Check this payment now if it is due. False if it is not, or if it is left to the sweep."""
    due = CHECK_QUEUE.due(database_now()).filter(pk=payment_id).first()
    return due is not None and lane(due.account).check_one(due)


@cache
def lane(account: str) -> "Lane":
    return Lane(account, settings.PAYMENT_CHECK_CONCURRENCY)


class Lane:
    """One account's share of this process."""

    def __init__(self, account: str, size: int) -> None:
        self.account, self.size = account, size
        self.pool = DaemonPool(size, f"ask-{account}")
        self._busy = threading.Lock()
        self._direct = threading.BoundedSemaphore(DIRECT_CALLS)

    def check_one(self, due: Payment) -> bool:
        """Claim, check and write in the calling thread; if DIRECT_CALLS threads do that already, nudge the sweep."""
        if not self._direct.acquire(blocking=False):
            nudge("check_pending_payments", self.account)
            return False
        try:
            now = database_now()
            permitted = permits.permit(self.account, calls_needed(due, now), wait_s=rate.LOOK_AHEAD_S)
            payment = CHECK_QUEUE.claim_one(due.pk) if permitted else None
            if payment is not None:
                record([check(payment, now)])
            return payment is not None
        finally:
            self._direct.release()

    def work_off(self, seconds: float) -> int:
        """Keep the lane full until nothing is due or the time is up; one thread of the process at a time."""
        if not self._busy.acquire(blocking=False):
            return 0
        try:
            return _Run(self, time.monotonic() + seconds).work_off()
        finally:
            self._busy.release()


class DaemonPool:
    """Threads that call the provider, started when needed: daemons, so that no hung call delays the process's end."""

    def __init__(self, size: int, name: str) -> None:
        self._size, self._name, self._started = size, name, 0
        self._jobs: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()

    def submit(self, job: Callable[[], None]) -> None:
        """Run a job, which must not raise."""
        self._jobs.put(job)
        if self._started < self._size:
            self._started += 1
            threading.Thread(target=self._work, name=f"{self._name}-{self._started}", daemon=True).start()

    def _work(self) -> None:
        while True:
            self._jobs.get()()


class _Run:
    """One run of a lane: this thread claims and writes, the pool only calls the provider."""

    def __init__(self, lane: Lane, ends_at: float) -> None:
        self._lane, self._own, self._ends_at = lane, Q(account=lane.account), ends_at
        self._answers: queue.SimpleQueue[CheckResult] = queue.SimpleQueue()
        self._running: dict[int, Payment] = {}
        self._alone: int | None = None
        self._asked_for_help = False
        self._is_short_of_slots = False
        self._grant_at = 0.0
        self._young_share_left = 0.5

    def work_off(self) -> int:
        checked = 0
        self._start_due()
        while self._running or self._waits_for_slots():
            results = self._wait_for_answers()
            record(results)
            checked += len(results)
            if len(self._running) <= self._lane.size - min(CLAIM_AT_LEAST, self._lane.size) or not results:
                self._start_due()
        return checked

    def _waits_for_slots(self) -> bool:
        return self._is_short_of_slots and time.monotonic() < self._ends_at and not shutting_down.is_set()

    def _start_due(self) -> None:
        room, moment = self._lane.size - len(self._running), time.monotonic()
        if room <= 0 or moment >= self._ends_at or moment < self._grant_at:
            return
        now = database_now()
        granted = permits.grant(self._lane.account, room, now)
        calls = len(granted.starts_s)
        claimed = self._claim(calls, young_first=not granted.is_probe) if calls else []
        self._start(claimed, granted, now)
        self._is_short_of_slots = granted.is_cut and len(claimed) >= calls
        self._grant_at = moment + GRANT_AGAIN_S if self._is_short_of_slots else 0.0
        if len(claimed) >= room and not self._asked_for_help:
            self._asked_for_help = True
            nudge("check_pending_payments", self._lane.account)  # more is due than fits here: another process may join

    def _start(self, claimed: list[Payment], granted: permits.Grant, now: datetime) -> None:
        """Start each payment at its slot. One that needs several calls takes as many slots; the rest is released."""
        moment, used, too_many = time.monotonic(), 0, []
        for payment in claimed:
            if used >= len(granted.starts_s):
                too_many.append(payment)
                continue
            self._running[payment.pk] = payment
            self._lane.pool.submit(partial(self._ask, payment, now, moment + granted.starts_s[used]))
            used += calls_needed(payment, now) if granted.slots_end_at else 1
        CHECK_QUEUE.release(too_many)
        permits.settle(self._lane.account, granted, used)

    def _ask(self, payment: Payment, now: datetime, start: float) -> None:
        if (left := start - time.monotonic()) > 0:
            time.sleep(left)
        self._answers.put(check(payment, now))

    def _claim(self, room: int, young_first: bool) -> list[Payment]:
        """Neither track starves the other: young payments get most places, the longest wait gets the rest.

        The youngest come first: after an outage their customers are still there. A probe goes by waiting time alone: if
        it fails because of the payment, the next probe takes another one.
        """
        claimed = self._claim_left_over()
        if young_first and (share := self._young_share(room - len(claimed))):
            young = Q(created_at__gt=Now() - timedelta(seconds=settings.FAST_TRACK_LIMIT_S))
            claimed += CHECK_QUEUE.claim_batch(share, self._own & young, order="-created_at")
        if len(claimed) < room:
            claimed += CHECK_QUEUE.claim_batch(room - len(claimed), self._own)
        return claimed

    def _young_share(self, room: int) -> int:
        """Rounded so that the share adds up over many claims: a low limit gives room for one payment at a time."""
        self._young_share_left += room * YOUNG_SHARE
        share = int(self._young_share_left)
        self._young_share_left -= share
        return share

    def _claim_left_over(self) -> list[Payment]:
        """One at a time, so that a payment that kills its worker is found and no other is blamed."""
        if self._alone in self._running:
            return []
        payment = CHECK_QUEUE.claim_left_over(self._own)
        if payment is None:
            return []
        self._alone = payment.pk
        if payment.died_too_often and payment.attention != Attention.WORKERS_LOST:
            park(CHECK_QUEUE, payment)
            return []
        return [payment]

    def _wait_for_answers(self) -> list[CheckResult]:
        """The results that are ready; waits for the first."""
        results: list[CheckResult] = []
        try:
            results.append(self._answers.get(timeout=GRANT_AGAIN_S if self._is_short_of_slots else CLAIM_AGAIN_S))
            while True:
                results.append(self._answers.get_nowait())
        except queue.Empty:
            pass
        for result in results:
            del self._running[result.payment.pk]
        return results
