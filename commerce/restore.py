"""After the database was restored from a backup: what happened since is found out, and nobody is written to twice.

The restored database does not know what was paid after the backup was taken, nor that its customers have been told.
The first it can ask the provider; the second nobody can. So before the shop opens, everything is found out and settled
that there is to find out, and every mail that comes of it is held: it may have been sent. What moves after that is new,
and is mailed as ever.
"""

import logging
import time
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db.models import Q
from django.db.models.functions import Now

from billing.payments import sweep
from billing.payments.check import CHECK_QUEUE
from billing.refunds import follow
from billing.refunds.follow import REFUND_QUEUE
from commerce import settlement
from commerce.mail import queue
from commerce.reports import service as reports
from commerce.reviews import service as reviews
from commerce.settlement import SETTLEMENT_QUEUE
from config.due.queue import Due, database_now

log = logging.getLogger(__name__)

PAUSE_S = 0.2
ROUND_S = 2.0
"""Each account gets so long in turn, so that a provider that hangs takes no time from the others for ever."""


def find_out(seconds: float) -> int:
    """Ask about every open payment and refund, for `seconds` at the most, and settle what is news.

    Returns how many could not be asked about: their mails could still come twice.
    """
    for kind in (CHECK_QUEUE, REFUND_QUEUE, SETTLEMENT_QUEUE):
        _free(kind)
    since, until = database_now(), time.monotonic() + seconds
    while (left := _waiting(CHECK_QUEUE, since) + _waiting(REFUND_QUEUE, since)) and time.monotonic() < until:
        log.info("restored.asking", extra={"left": left})
        _ask_all()
        time.sleep(PAUSE_S)
    while settlement.settle_due() == settlement.BATCH:
        pass
    return _unknown(CHECK_QUEUE, since) + _unknown(REFUND_QUEUE, since)


def write_what_is_due() -> None:
    """The mails that the calendar gives the reason for: reminders and reports of the days since."""
    while reviews.request_due(60.0):
        pass
    while reports.build_missing(database_now()) == reports.BATCH:
        pass


def hold_mails(taken_at: datetime) -> int:
    """Give up every mail that waits, with the reason; an operator may send it again. Returns how many."""
    held = queue.hold_all(f"restored from a backup of {taken_at:%Y-%m-%d %H:%M:%S %Z}")
    log.warning("restored.mails_held", extra={"mails": held, "taken_at": taken_at.isoformat()})
    return held


def _free(kind: Due[Any]) -> None:
    """Make every row due now. Nobody is at work, so what the backup says of claims is about workers of the past.

    Each counts as failed until an answer says otherwise: the fault of a whole account is not counted for the row.
    """
    rows = kind.model.objects.filter(**{f"{kind.column}__isnull": False})
    rows.update(**{kind.column: Now(), "claims": 0, "errors": 1})


def _ask_all() -> None:
    for account in settings.PAYMENT_ACCOUNTS:
        sweep.check_due(account, ROUND_S)
        follow.follow_due(account, ROUND_S)


def _waiting(kind: Due[Any], since: datetime) -> int:
    """Rows that nobody has looked at since: a look gives them a later appointment, or none."""
    return kind.due(since).count()


def _unknown(kind: Due[Any], since: datetime) -> int:
    """Rows that nobody has looked at, and those whose last look brought no answer."""
    rows = kind.model.objects.filter(**{f"{kind.column}__isnull": False})
    unanswered: int = rows.filter(Q(errors__gt=0) | Q(**{f"{kind.column}__lte": since})).count()
    return unanswered
