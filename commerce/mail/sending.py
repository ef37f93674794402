"""Sends due mails: claims them in groups, sends them one by one, and writes each outcome at once."""

import logging
import threading
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial

from django.conf import settings
from django.db.models import Prefetch, Q, prefetch_related_objects

from commerce.mail import limits, message, outcomes
from commerce.mail.connection import Connection
from commerce.mail.message import Unsendable
from commerce.mail.queue import GROUP_S, MAIL_QUEUE
from commerce.mail.refusals import streak
from commerce.models import DailyReport, Notification
from config.due import shutting_down
from config.due.queue import database_now
from config.messaging.nudges import nudge

log = logging.getLogger(__name__)

Kind = Notification.Kind

GROUP_MAILS = 50
"""Mails that one transaction claims. Those not reached in time are released."""

BATCH_S = 5 * 60
"""How long a batch may claim new groups. Its actor's time limit is twice that."""


def send_for(order_id: int, kind: Notification.Kind) -> int:
    """Send the due mails of one order and kind; returns how many were tried."""
    return _send(Q(order_id=order_id, kind=kind), limit=GROUP_MAILS)


def send_reports() -> None:
    """Send every due report mail, of all days."""
    while _send(Q(kind=Kind.REPORT), limit=GROUP_MAILS):
        pass


def send_due(limit: int) -> int:
    """Send up to `limit` due mails over one connection; returns how many were tried.

    Returns 0 at once if EMAIL_CONNECTIONS threads of this process are sending already.
    """
    if not _free_connections.acquire(blocking=False):
        return 0
    try:
        _wake_another_thread()
        return _send(Q(), limit)
    finally:
        _free_connections.release()


_free_connections = threading.BoundedSemaphore(settings.EMAIL_CONNECTIONS)
"""While one thread waits for the mail server or the database, the others send."""


def _wake_another_thread() -> None:
    """Nudge another thread, with its own connection, if more is due than this thread claims next."""
    if MAIL_QUEUE.due(database_now())[GROUP_MAILS : GROUP_MAILS + 1].exists() and limits.left() != 0:
        nudge("send_pending_emails")


def _send(which: Q, limit: int) -> int:
    """Claims nothing above a limit or without a connection: while the server is unreachable, the mails only wait."""
    if not MAIL_QUEUE.due(database_now()).filter(which).exists() or limits.are_reached():
        return 0
    tried, more, until = 0, True, time.monotonic() + BATCH_S
    with closing(Connection()) as connection:
        while more and tried < limit and time.monotonic() < until and connection.ready():
            begun, more = _send_round(connection, which, limit - tried)
            tried += begun
    return tried


def _send_round(connection: Connection, which: Q, limit: int) -> tuple[int, bool]:
    """Send a group, then one mail whose last worker died. If it kills this worker too, the others are sent already.

    That mail is claimed only after the group, so a crash during the group does not count against it. Returns how many
    were begun, and whether to continue.
    """
    claim = partial(MAIL_QUEUE.claim_batch, only=which)
    begun, more = _send_group(connection, partial(limits.claim_within, claim, min(GROUP_MAILS, limit)))
    if more and begun < limit and connection.ready():
        left_over, more = _send_group(connection, partial(limits.claim_within, partial(_claim_left_over, which), 1))
        begun += left_over
    return begun, more and begun > 0


def _claim_left_over(which: Q, _one: int) -> list[Notification]:
    mail = MAIL_QUEUE.claim_left_over(which)
    return [mail] if mail else []


def _send_group(connection: Connection, claim: Callable[[], list[Notification]]) -> tuple[int, bool]:
    """Claim, send one by one, release the rest; returns how many were begun, and whether to continue.

    GROUP_S counts from before the claim, so it ends before the lease does.
    Each outcome is written before the next mail is begun: a crash leaves one mail uncertain, not the group. For the
    same reason the batch ends when an outcome cannot be written.
    """
    begun, more, until = 0, True, time.monotonic() + GROUP_S
    group = claim()
    _prefetch(group)
    while (
        more and begun < len(group) and connection.is_open and time.monotonic() < until and not shutting_down.is_set()
    ):
        more = MAIL_QUEUE.work_on(group[begun], partial(_send_one, connection))
        begun += 1
    MAIL_QUEUE.release(group[begun:])
    return begun, more


def _prefetch(group: list[Notification]) -> None:
    """Read the reports that the log names, once for the group."""
    prefetch_related_objects(group, Prefetch("report", DailyReport.objects.only("day")))


def _send_one(connection: Connection, mail: Notification) -> None:
    if mail.sending_since is not None:
        outcomes.hold(mail, "a worker did not come back")
    elif mail.died_too_often:
        outcomes.give_up(mail, "workers did not come back from sending it")
    else:
        _hand_over(connection, mail)


def _hand_over(connection: Connection, mail: Notification) -> None:
    try:
        ready = message.of(mail)
        _record_attempt(mail)
        connection.send(ready)
    except ValueError as error:
        outcomes.give_up(mail, str(error) if isinstance(error, Unsendable) else f"no mail: {type(error).__name__}")
    except OSError as error:  # smtplib's errors are OSErrors too
        outcomes.write_failure(mail, error)
        if streak.is_complete:
            connection.pause()
    else:
        outcomes.write_sent(mail)


def _record_attempt(mail: Notification) -> None:
    """A left-over mail was claimed, and perhaps never begun. Kinds that are held must know which."""
    if Kind(mail.kind).held_if_uncertain:
        with MAIL_QUEUE.holding(mail) as held:
            held.sending_since = database_now()
            held.save(update_fields=["sending_since"])
    elif mail.claims > 1:
        log.warning("mail.left_over", extra=outcomes.log_fields(mail))
