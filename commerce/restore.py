"""After a restore from a backup: learns what happened since, without sending a mail twice.

The restored database does not know which payments succeeded after the backup, nor which mails were sent. The provider
can answer the first question; the second has no answer. So before the shop opens, every open payment and refund is
checked and settled, and every resulting mail is held: it may have been sent. Later events are new, and are mailed.
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
from commerce.mail.queue import hold_all
from commerce.reports import service as reports
from commerce.reviews import service as reviews
from commerce.settlement import SETTLEMENT_QUEUE
from config.due.queue import Due, database_now

log = logging.getLogger(__name__)

PAUSE_S = 0.2
ROUND_S = 2.0
"""Time for each account in turn, so that a provider that hangs cannot block the others."""


def find_out(seconds: float) -> int:
    """Check every open payment and refund for up to `seconds`, and settle the results. Returns how many could not be
    checked: their mails could still be sent twice.
    """
    for kind in (CHECK_QUEUE, REFUND_QUEUE, SETTLEMENT_QUEUE):
        _free(kind)
    since, until = database_now(), time.monotonic() + seconds
    # A check gives a row a later due time, or none.
    while (left := CHECK_QUEUE.due(since).count() + REFUND_QUEUE.due(since).count()) and time.monotonic() < until:
        log.info("restored.asking", extra={"left": left})
        for account in settings.PAYMENT_ACCOUNTS:
            sweep.check_due(account, ROUND_S)
            follow.follow_due(account, ROUND_S)
        time.sleep(PAUSE_S)
    while settlement.settle_due() == settlement.BATCH:
        pass
    return _unknown(CHECK_QUEUE, since) + _unknown(REFUND_QUEUE, since)


def write_what_is_due() -> None:
    """Queue the mails that are due by date: review reminders, and reports of the days since."""
    while reviews.request_due(60.0):
        pass
    while reports.build_missing(database_now()) == reports.BATCH:
        pass


def hold_mails(taken_at: datetime) -> int:
    """Give up every queued mail, with the reason. Returns how many. An operator may send them again."""
    held = hold_all(f"restored from a backup of {taken_at:%Y-%m-%d %H:%M:%S %Z}")
    log.warning("restored.mails_held", extra={"mails": held, "taken_at": taken_at.isoformat()})
    return held


def _free(kind: Due[Any]) -> None:
    """Make every row due now. No worker runs, so the claims in the backup are of workers that are gone.

    `errors` is 1 until an answer resets it, because an error of the whole account is not counted on the row.
    """
    kind.appointments().update(**{kind.column: Now(), "claims": 0, "errors": 1})


def _unknown(kind: Due[Any], since: datetime) -> int:
    """Rows that were not checked, and rows whose last check got no answer."""
    return kind.appointments().filter(Q(errors__gt=0) | Q(**{f"{kind.column}__lte": since})).count()
