"""What a stranger may leave here. Anyone can post a callback: what the provider has not proven to be its own is bounded
in length, number, time and lines of the log. Beyond that it is only counted.
"""

import logging
import threading
import time
from datetime import timedelta
from typing import Any

from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from billing.models import Callback, Payment

log = logging.getLogger(__name__)

KEPT_BYTES = 4_096
"""Of a body: who sent it, what it is about, and whether it is a real one. The provider's own body is kept whole."""

KEPT_PER_DAY = 100
"""Rows of one account in any 24 hours: enough to see what happens. With KEPT_BYTES and KEPT they are 3 MB at most."""

KEPT_PER_PAYMENT = 20
"""Rows of one payment. A provider sends a handful: one for each state, refund and dispute."""

KEPT = timedelta(days=7)
"""A weekend and some days: a person looks after an alert, or never."""

OF_STRANGERS = Q(is_proven=False) & ~Q(outcome=Callback.Outcome.LOOKED)
"""Forged, unreadable, about no payment, or still to be read. Has a partial index."""

FULL_FOR_S = 10.0
"""So long a process believes that an account has no room for forged ones: a flood of them costs no query."""

LINE_EVERY_S = 60.0

_lines: dict[tuple[str, str], tuple[float, int]] = {}
"""By event and account: when the last line was written, and how many have been left out since."""

_lines_lock = threading.Lock()

_full_until: dict[str, float] = {}
"""By account, on this process's clock."""


def have_room(account: str, payment: Payment | None) -> bool:
    """May another unproven callback be stored? `payment` is the one that it names, if there is one."""
    if payment and _many(payment.callbacks.filter(is_proven=False), KEPT_PER_PAYMENT):
        return False
    since = Now() - timedelta(days=1)
    is_full = _many(Callback.objects.filter(OF_STRANGERS, account=account, received_at__gt=since), KEPT_PER_DAY)
    if is_full:
        _full_until[account] = time.monotonic() + FULL_FOR_S
    return not is_full


def was_full(account: str) -> bool:
    """Had the account no room a moment ago?"""
    return time.monotonic() < _full_until.get(account, 0.0)


def old() -> QuerySet[Callback]:
    """Those that are kept no longer; the ones that wait to be processed stay."""
    waiting = Q(outcome=Callback.Outcome.WAITING)
    return Callback.objects.filter(OF_STRANGERS & ~waiting, received_at__lt=Now() - KEPT)


def warn(event: str, account: str, **facts: Any) -> None:
    """Write a warning, and no other of this event and account for LINE_EVERY_S; the next one counts them."""
    key, now = (event, account), time.monotonic()
    with _lines_lock:
        written_at, left_out = _lines.get(key, (-LINE_EVERY_S, 0))
        is_due = now - written_at >= LINE_EVERY_S
        _lines[key] = (now, 0) if is_due else (written_at, left_out + 1)
    if is_due:
        log.warning(event, extra={"account": account, "left_out": left_out, **facts})


def _many(rows: QuerySet[Callback], limit: int) -> bool:
    return rows.order_by()[:limit].count() >= limit
