"""When to check next: often while the customer waits, rarely later. Only this module decides it."""

import math
from datetime import datetime, timedelta
from functools import cache
from itertools import count
from typing import TypeVar
from zlib import crc32

from django.conf import settings
from django.db.models import Q

from billing.models import AskedBy, Payment, Refund
from billing.models.payment import Followed
from config.due import backoff
from config.due.queue import Due
from config.messaging.nudges import nudge

F = TypeVar("F", bound=Followed)

BANK_SHORTEST, BANK_LONGEST = timedelta(seconds=5), timedelta(hours=1)
"""Bounds of the time between two checks of what a bank works on: a refund, or a payment that the customer has made."""

REQUESTS_APART = timedelta(seconds=2)
"""The least time between two checks of one payment that pages and callbacks cause: anyone can send those. A customer
who comes back, and whose callback comes at the same time, waits no longer than that.
"""

FROM_ANYONE = frozenset({AskedBy.RETURN, AskedBy.CALLBACK, AskedBy.CUSTOMER})
"""Reasons to check that a stranger can repeat at will."""

GROWING_LONGEST_S = 300.0
"""Longest interval of the policy `growing`."""


def next_check(payment: Payment, due_since: datetime, asked_at: datetime, now: datetime) -> datetime:
    """When to check an open payment next, after an answer that it is still open.

    Steps count from the time this check was due, not from when it ran: a check that is 0.9 s late does not delay every
    later one. There is always a question after the end of the payment window: at once, if it ended after `asked_at`.
    While the bank works on it, nobody waits in front of a page: the gaps grow as those of refunds.
    """
    if payment.attention:
        return now + timedelta(seconds=settings.ATTENTION_INTERVAL_S)
    if payment.working_since:
        return now + growing_wait(now - payment.working_since)
    options = settings.PAYMENT_ACCOUNTS.get(payment.account, {})
    growing = options.get("polling_policy", settings.PAYMENT_POLLING_POLICY) == "growing"
    moment = _growing(payment, now) if growing else next_step(due_since, interval(now - payment.created_at), now)
    return min(moment, max(payment.window_ends_at, now)) if payment.window_ends_at > asked_at else moment


def check_soon(queue: Due[F], pk: int, asked_by: AskedBy, actor: str) -> None:
    """Request a check of a row: at once for the shop's own people, at the pace of REQUESTS_APART for all others."""
    if asked_by in FROM_ANYONE:
        is_due = queue.request(pk, asked_by)
    else:
        is_due = bool(queue.make_due_again(Q(pk=pk), asked_by) or queue.make_due(Q(pk=pk), asked_by))
    if is_due:
        nudge(actor, pk)


def interval(age: timedelta) -> timedelta:
    """The time between two checks of a payment of this age: one for each track."""
    fast = track(age) == "fast"
    return timedelta(seconds=settings.FAST_TRACK_INTERVAL_S if fast else settings.SLOW_TRACK_INTERVAL_S)


def track(age: timedelta) -> str:
    """`fast` while the customer is probably waiting, then `slow`."""
    return "fast" if age.total_seconds() < settings.FAST_TRACK_LIMIT_S else "slow"


def next_step(start: datetime, step: timedelta, now: datetime) -> datetime:
    """The first of `start + step`, `start + 2 * step`, … after `now`."""
    return start + step * max(1, math.floor((now - start) / step) + 1)


def refund_wait(refund: Refund, now: datetime) -> timedelta:
    """How long until a pending refund is checked again."""
    if refund.attention:
        return timedelta(seconds=settings.ATTENTION_INTERVAL_S)
    return growing_wait(now - refund.created_at)


def growing_wait(age: timedelta) -> timedelta:
    """A sixth of the age of what a bank works on: most of it ends in seconds, some takes days."""
    return min(max(age / 6, BANK_SHORTEST), BANK_LONGEST)


def error_wait(row: Followed, retry_after_s: float | None) -> timedelta:
    """How long to wait after an error: it doubles up to SLOW_TRACK_INTERVAL_S. A Retry-After can only lengthen it."""
    if row.attention:
        return timedelta(seconds=settings.ATTENTION_INTERVAL_S)
    longest = timedelta(seconds=settings.SLOW_TRACK_INTERVAL_S)
    wait = backoff(row.errors, timedelta(seconds=settings.FAST_TRACK_INTERVAL_S), longest)
    return max(wait, timedelta(seconds=min(retry_after_s or 0, settings.ATTENTION_INTERVAL_S)))


def growing_step(number: int) -> tuple[float, float]:
    """The policy `growing` without jitter: when step `number` is (seconds after the start), and the gap before it.

    YooKassa recommends growing gaps, with the Fibonacci numbers as an example (yookassa.ru/developers, "How to check
    the payment status"). Times FAST_TRACK_INTERVAL_S they are 5, 5, 10, 15, 25, 40, 65 s …, up to
    GROWING_LONGEST_S.

    >>> [growing_step(number)[1] for number in range(12)]
    [5.0, 5.0, 10.0, 15.0, 25.0, 40.0, 65.0, 105.0, 170.0, 275.0, 300.0, 300.0]
    """
    gaps = _fibonacci(settings.FAST_TRACK_INTERVAL_S, GROWING_LONGEST_S)
    beyond = max(0, number + 1 - len(gaps))
    return sum(gaps[: number + 1]) + beyond * GROWING_LONGEST_S, GROWING_LONGEST_S if beyond else gaps[number]


def _growing(payment: Payment, now: datetime) -> datetime:
    """The first step after `now`, up to a tenth of its gap early or late, so that payments drift apart."""
    age_s = (now - payment.created_at).total_seconds()
    for number in count(max(0, int(age_s / GROWING_LONGEST_S) - 1)):
        at_s, gap_s = growing_step(number)
        moment = payment.created_at + timedelta(seconds=at_s + gap_s * _jitter(payment.pk, number) / 10)
        if moment > now:
            return moment
    raise AssertionError("there is always a later step")


@cache
def _fibonacci(first: float, below: float) -> tuple[float, ...]:
    """The Fibonacci numbers times `first`, as long as they are below the limit."""
    gaps, following = [], (first, first)
    while following[0] < below:
        gaps.append(following[0])
        following = following[1], sum(following)
    return tuple(gaps)


def _jitter(payment_id: int, step: int) -> float:
    """From -1 to 1: the same for the same payment and step, in every process."""
    return crc32(f"{payment_id}:{step}".encode()) / 0xFFFFFFFF * 2 - 1
