"""The mail server's limits: mails per minute and per day, by all processes together.

A mail counts from its claim until a minute, or a day, after it was sent. While nothing is left the mails only wait.
"""

import logging
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta

from django.conf import settings
from django.db import transaction

from commerce.mail.queue import MAIL_QUEUE
from commerce.models import Notification
from config.database.locks import lock_until_commit
from config.due.queue import database_now
from config.metrics.registry import DATABASE, Value, reader, reading

log = logging.getLogger(__name__)

LOCK_KEY = 1_835_100_524
"""PostgreSQL's advisory lock of the claims ("mail" in ASCII)."""

ALLOWED_GAUGE = reading(
    "tillkeeper_mails_allowed",
    "Mails that EMAIL_MAX_PER_MINUTE and EMAIL_MAX_PER_DAY leave now; absent without a limit.",
)

_reached = threading.Event()
"""The log has said it."""


def left() -> int | None:
    """How many mails the limits leave; None without a limit."""
    windows = [(timedelta(minutes=1), settings.EMAIL_MAX_PER_MINUTE), (timedelta(days=1), settings.EMAIL_MAX_PER_DAY)]
    if not (limited := [(window, limit) for window, limit in windows if limit]):
        return None
    now = database_now(MAIL_QUEUE.database)
    held = MAIL_QUEUE.appointments().filter(claims__gt=0, send_after__gt=now).count()
    sent = Notification.objects.using(MAIL_QUEUE.database).order_by()
    free = (limit - sent.filter(sent_at__gt=now - window)[:limit].count() for window, limit in limited)
    return max(0, min(free) - held)


def are_reached() -> bool:
    """True if no mail may be sent now; the first time with a line in the log."""
    reached = left() == 0
    if not reached:
        _reached.clear()
    elif not _reached.is_set():
        _reached.set()
        limits = {"per_minute": settings.EMAIL_MAX_PER_MINUTE, "per_day": settings.EMAIL_MAX_PER_DAY}
        log.warning("mail.limit_reached", extra=limits)
    return reached


@reader(DATABASE)
def allowed() -> Iterator[Value]:
    """Nothing without a limit."""
    if (free := left()) is not None:
        yield ALLOWED_GAUGE, (), free


def claim_within(claim: Callable[[int], list[Notification]], most: int) -> list[Notification]:
    """Claim up to `most` mails, and no more than the limits leave. One claim at a time: each counts the others."""
    if left() is None:
        return claim(most)
    with transaction.atomic(using=MAIL_QUEUE.database):
        lock_until_commit(LOCK_KEY, using=MAIL_QUEUE.database)
        free = min(most, left() or 0)
        return claim(free) if free else []
