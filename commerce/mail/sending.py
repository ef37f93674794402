"""Sending the mails that are due: claimed in groups, handed over one by one, each outcome written at once."""

import logging
import threading
import time
from collections.abc import Callable
from functools import partial

from django.conf import settings
from django.db.models import Prefetch, Q, prefetch_related_objects

from commerce.mail import message, outcomes
from commerce.mail.connection import Connection
from commerce.mail.message import Unsendable
from commerce.mail.queue import GROUP_S, MAIL_QUEUE
from commerce.models import DailyReport, Notification, Order
from config.due.queue import database_now
from config.due.shutdown import shutting_down
from config.messaging.nudges import nudge

log = logging.getLogger(__name__)

Kind = Notification.Kind

GROUP_MAILS = 50
"""Mails that one transaction claims. Those that are not reached in time are given back."""

BATCH_S = 5 * 60
"""A batch claims new groups for this long. Its actor's time limit is twice that."""


def send_for(order_id: int, kind: Notification.Kind) -> int:
    """Send the due mails of one order and kind now; returns how many were tried."""
    return _send(Q(order_id=order_id, kind=kind), limit=GROUP_MAILS)


def send_reports() -> None:
    """Send every due mail about a report now, whichever day it is about."""
    while _send(Q(kind=Kind.REPORT), limit=GROUP_MAILS):
        pass


def send_due(limit: int) -> int:
    """Send due mails over one connection, `limit` of them or fewer; returns how many were tried.

    Returns 0 at once if EMAIL_CONNECTIONS threads of this process are sending already.
    """
    if not _free_connections.acquire(blocking=False):
        return 0
    try:
        _call_help()
        return _send(Q(), limit)
    finally:
        _free_connections.release()


_free_connections = threading.BoundedSemaphore(settings.EMAIL_CONNECTIONS)
"""While one thread waits for the mail server or the database, the others send."""


def _call_help() -> None:
    """More is due than this thread claims next: let another thread join, over a connection of its own."""
    if MAIL_QUEUE.due(database_now())[GROUP_MAILS : GROUP_MAILS + 1].exists():
        nudge("send_pending_emails")


def _send(which: Q, limit: int) -> int:
    """Claims nothing without a connection: while the server is away the mails only wait."""
    if not MAIL_QUEUE.due(database_now()).filter(which).exists():
        return 0
    tried, more, until = 0, True, time.monotonic() + BATCH_S
    with Connection() as connection:
        while more and tried < limit and time.monotonic() < until and connection.ready():
            begun, more = _send_round(connection, which, limit - tried)
            tried += begun
    return tried


def _send_round(connection: Connection, which: Q, limit: int) -> tuple[int, bool]:
    """Send a group, and then one mail whose last worker did not come back: if it kills us too, the others are sent.

    That mail is claimed only when it is its turn, so a death among the others is not counted against it. Returns how
    many were begun, and whether to continue.
    """
    begun, more = _send_group(connection, partial(MAIL_QUEUE.claim_batch, min(GROUP_MAILS, limit), which))
    if more and begun < limit and connection.ready():
        left_over, more = _send_group(connection, partial(_claim_left_over, which))
        begun += left_over
    return begun, more and begun > 0


def _claim_left_over(which: Q) -> list[Notification]:
    mail = MAIL_QUEUE.claim_left_over(which)
    return [mail] if mail else []


def _send_group(connection: Connection, claim: Callable[[], list[Notification]]) -> tuple[int, bool]:
    """Claim, send one after the other and give the rest back; returns how many were begun, and whether to continue.

    The time counts from before the claim, so it is over before the lease is.
    Each mail is written down as sent before the next one is begun: a crash leaves one mail in doubt, not the group.
    For the same reason the batch ends where an outcome cannot be written.
    """
    begun, more, until = 0, True, time.monotonic() + GROUP_S
    group = claim()
    _read_along(group)
    while (
        more and begun < len(group) and connection.is_open and time.monotonic() < until and not shutting_down.is_set()
    ):
        more = MAIL_QUEUE.work_on(group[begun], partial(_send_one, connection))
        begun += 1
    MAIL_QUEUE.release(group[begun:])
    return begun, more


def _read_along(group: list[Notification]) -> None:
    """What the log names, read once for the group."""
    orders, reports = Order.objects.only("public_id"), DailyReport.objects.only("day")
    prefetch_related_objects(group, Prefetch("order", orders), Prefetch("report", reports))


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
        _note_the_attempt(mail)
        connection.send(ready)
    except ValueError as error:
        outcomes.give_up(mail, str(error) if isinstance(error, Unsendable) else f"no mail: {type(error).__name__}")
    except OSError as error:  # smtplib's errors are OSErrors too
        outcomes.write_failure(mail, error)
    else:
        outcomes.write_sent(mail)


def _note_the_attempt(mail: Notification) -> None:
    """A left-over mail was claimed, and perhaps never begun. For a kind that is held, we must know which."""
    if Kind(mail.kind).held_if_uncertain:
        with MAIL_QUEUE.holding(mail) as held:
            held.sending_since = database_now()
            held.save(update_fields=["sending_since"])
    elif mail.claims > 1:
        log.warning("mail.left_over", extra=outcomes.named(mail))
