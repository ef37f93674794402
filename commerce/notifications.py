"""Mails about orders: written down as rows, in the transaction that gave the reason, and sent from there."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from email.utils import make_msgid
from functools import partial

from django.conf import settings
from django.db import transaction
from django.db.models import Prefetch, Q, prefetch_related_objects

from billing.models import Refund
from commerce import letters, mailserver
from commerce.letters import Unsendable
from commerce.mailserver import Line, Meaning, Unanswered
from commerce.metrics import MAILS as MAILS_COUNTED
from commerce.models import Notification, Order, OrderLine
from config.due.backoff import backoff
from config.due.queue import Due, database_now
from config.due.shutdown import shutting_down
from config.messaging.nudges import nudge

log = logging.getLogger(__name__)

Kind = Notification.Kind
Status = Notification.Status

GROUP = 50
"""So many mails are claimed in one transaction. One that was not reached in time is given back."""

GROUP_S = 10
"""So long a group is worked on; the mail that is begun last may take LONGEST_MAIL_S on top of it."""

MAILS = Due(Notification, "send_after", lease=timedelta(seconds=GROUP_S + mailserver.LONGEST_MAIL_S + 2))

UNCERTAIN = "it may have been sent"
"""So begins the error of a mail that was given up because nobody knows whether it arrived."""

BATCH_S = 5 * 60
"""So long a batch goes on claiming, which leaves its actor's time limit as much again."""

BACKOFF = {
    # Greylisting wants five minutes and more, full mailboxes hours; whoever knocks every few seconds is taken for spam.
    Meaning.LATER: (timedelta(seconds=60), timedelta(minutes=30)),
    # A restart takes seconds, a broken machine longer; and nobody is annoyed by our looking.
    Meaning.SERVER: (timedelta(seconds=15), timedelta(minutes=10)),
}
"""The first wait and the longest, by what the failure was about."""


# --- written down ----------------------------------------------------------------------------------------------------


def queue_order_confirmation(order: Order) -> None:
    """To the customer: paid. Must run in the transaction that made it so; there is only ever one."""
    _queue(Kind.ORDER_CONFIRMATION, order, order.email, order.name, order.language, list(order.lines.all()))
    nudge("send_order_confirmation", order.pk)


def queue_seller_notifications(order: Order) -> None:
    """To each seller of the order: pack these. Must run in the transaction that made it paid.

    A seller sees their own lines and where they go, and neither the customer's mail address nor the number that opens
    the customer's page.
    """
    _queue_for_sellers(Kind.SELLER_NOTIFICATION, order)
    nudge("send_seller_notification", order.pk)


def queue_stop_packing(order: Order) -> None:
    """To each seller of the order: keep these, the money went back before they left. In that transaction."""
    _queue_for_sellers(Kind.STOP_PACKING, order)
    nudge("send_pending_emails")


def queue_review_reminder(order: Order, lines: Sequence[OrderLine]) -> None:
    """To the customer: how do you like these? When to ask about what is the caller's business."""
    _queue(Kind.REVIEW_REMINDER, order, order.email, order.name, order.language, lines)
    nudge("send_review_reminder", order.pk)


def queue_money_back(order: Order, refund: Refund) -> None:
    """To the customer: so much has gone back. Must run in the transaction that learnt of it; one for each refund."""
    facts = {"amount": refund.amount, "order_stands": order.is_paid}
    occasion = f"refund {refund.pk}"
    _queue(Kind.MONEY_BACK, order, order.email, order.name, order.language, (), occasion, **facts)


def _queue_for_sellers(kind: Kind, order: Order) -> None:
    """Each is told about their own lines, in their language."""
    lines = list(order.lines.select_related("product__seller"))
    for seller in sorted({line.product.seller for line in lines}, key=lambda seller: seller.pk):
        own = [line for line in lines if line.product.seller_id == seller.pk]
        _queue(kind, order, seller.email, seller.name, seller.language, own)


def _queue(
    kind: Kind,
    order: Order,
    email: str,
    name: str,
    language: str,
    lines: Sequence[OrderLine],
    occasion: str = "",
    **facts: object,
) -> None:
    letter = letters.write(kind, language, name, order, lines, **facts)
    Notification.objects.get_or_create(
        order=order,
        kind=kind,
        occasion=occasion,
        recipient=email,
        defaults={
            "recipient_name": name,
            "subject": letter.subject,
            "text": letter.text,
            "html": letter.html,
            "message_id": make_msgid(domain=settings.DEFAULT_FROM_EMAIL.rpartition("@")[2].rstrip(">")),
            "send_after": database_now(),
        },
    )


# --- sent ------------------------------------------------------------------------------------------------------------


def send_for(order_id: int, kind: Notification.Kind) -> int:
    """Send the due mails of one order and kind now; returns how many were tried."""
    return _send(Q(order_id=order_id, kind=kind), limit=GROUP)


def send_again(notification_id: int) -> bool:
    """Somebody of the shop wants a mail that was given up to be tried again; False if it was not given up.

    It is the same mail, Message-ID included. One that is UNCERTAIN may arrive twice.
    """
    with transaction.atomic():
        mail = Notification.objects.select_for_update().get(pk=notification_id)
        if mail.status != Status.GIVEN_UP:
            return False
        mail.status, mail.send_after, mail.claims, mail.errors = Status.QUEUED, database_now(), 0, 0
        mail.save(update_fields=["status", *MAILS.fields])
        nudge("send_pending_emails")
    log.info("mail.again", extra={"kind": mail.kind, "notification": mail.pk})
    return True


def send_due(limit: int) -> int:
    """Send what is due, over one connection, up to `limit` mails; returns how many were tried.

    0 at once if EMAIL_CONNECTIONS threads of this process are doing so already.
    """
    if not _connections.acquire(blocking=False):
        return 0
    try:
        _call_help()
        return _send(Q(), limit)
    finally:
        _connections.release()


_connections = threading.BoundedSemaphore(settings.EMAIL_CONNECTIONS)
"""While one waits for the mail server or for the database, others send."""


def _call_help() -> None:
    """More is due than this thread is going to claim now: let another one join, over a connection of its own."""
    if MAILS.due(database_now())[GROUP : GROUP + 1].exists():
        nudge("send_pending_emails")


def _send(which: Q, limit: int) -> int:
    """Nothing is claimed without a connection: while the server is away the mails are not touched, they only wait."""
    if not MAILS.due(database_now()).filter(which).exists():
        return 0
    tried, goes_on, enough = 0, True, time.monotonic() + BATCH_S
    with Line() as line:
        while goes_on and tried < limit and time.monotonic() < enough and line.ready():
            begun, goes_on = _send_round(line, which, limit - tried)
            tried += begun
    return tried


def _send_round(line: Line, which: Q, limit: int) -> tuple[int, bool]:
    """A group, and then one mail whose last worker did not come back: if it kills us too, the others are sent.

    It is claimed only when it is its turn, so that a death among the others is not counted against it. Returns how many
    were begun, and whether to go on.
    """
    begun, goes_on = _send_group(line, partial(MAILS.claim_batch, min(GROUP, limit), which))
    if goes_on and begun < limit and line.ready():
        more, goes_on = _send_group(line, partial(_left_over, which))
        begun += more
    return begun, goes_on and begun > 0


def _left_over(which: Q) -> list[Notification]:
    mail = MAILS.claim_left_over(which)
    return [mail] if mail else []


def _send_group(line: Line, claim: Callable[[], list[Notification]]) -> tuple[int, bool]:
    """Claim, send one after the other and give the others back; returns how many were begun, and whether to go on.

    The time is counted from before the claim, so it is over before the lease is.
    Each is written down as sent before the next one is begun, so a crash leaves one mail in doubt and not the group.
    For the same reason the batch ends where an outcome cannot be written.
    """
    begun, goes_on, until = 0, True, time.monotonic() + GROUP_S
    group = claim()
    prefetch_related_objects(group, Prefetch("order", Order.objects.only("public_id")))
    while goes_on and begun < len(group) and line.is_open and time.monotonic() < until and not shutting_down.is_set():
        goes_on = MAILS.work_on(group[begun], partial(_send_one, line))
        begun += 1
    MAILS.release(group[begun:])
    return begun, goes_on


def _send_one(line: Line, mail: Notification) -> None:
    if mail.sending_since is not None:
        _hold(mail, "a worker did not come back")
    elif mail.died_too_often:
        _give_up(mail, "workers did not come back from sending it")
    else:
        _hand_over(line, mail)


def _hand_over(line: Line, mail: Notification) -> None:
    try:
        message = letters.message(mail)
        _note_the_attempt(mail)
        line.send(message)
    except ValueError as error:
        _give_up(mail, str(error) if isinstance(error, Unsendable) else f"no mail: {type(error).__name__}")
    except OSError as error:  # smtplib's errors are of that kind as well
        _write_failure(mail, error)
    else:
        _write_sent(mail)


def _note_the_attempt(mail: Notification) -> None:
    """A left-over mail was claimed, and perhaps not begun; of a kind that is held, we must know."""
    if Kind(mail.kind).held_if_uncertain:
        with MAILS.holding(mail) as held:
            held.sending_since = database_now()
            held.save(update_fields=["sending_since"])
    elif mail.claims > 1:
        log.warning("mail.left_over", extra={"kind": mail.kind, "order": mail.order.public_id})


def _write_sent(mail: Notification) -> None:
    MAILS.finish(mail, done_at="sent_at", status=Status.SENT, sending_since=None, error="")
    MAILS_COUNTED.labels(mail.kind, "sent").inc()
    log.info("mail.sent", extra={"kind": mail.kind, "order": mail.order.public_id})


def _write_failure(mail: Notification, error: OSError) -> None:
    """A definite no ends it, for a person to see; everything else is tried again, ever more seldom."""
    meaning = mailserver.meaning_of(error)
    if meaning == Meaning.NEVER:
        _give_up(mail, mailserver.describe(error))
    elif isinstance(error, Unanswered) and Kind(mail.kind).held_if_uncertain:
        _hold(mail, "the mail server did not answer")
    else:
        _put_off(mail, mailserver.describe(error), *BACKOFF[meaning])


def _put_off(mail: Notification, why: str, first: timedelta, longest: timedelta) -> None:
    with MAILS.holding(mail) as held:
        held.error, held.sending_since = why, None
        MAILS.put_off(held, backoff(held.errors, first, longest))
        held.save()
    MAILS_COUNTED.labels(mail.kind, "put_off").inc()
    log.warning("mail.put_off", extra={"error": why})


def _give_up(mail: Notification, why: str) -> None:
    MAILS.finish(mail, status=Status.GIVEN_UP, sending_since=None, error=why)
    MAILS_COUNTED.labels(mail.kind, "given_up").inc()
    log.error("mail.given_up", extra={"kind": mail.kind, "order": mail.order.public_id, "error": why})


def _hold(mail: Notification, why: str) -> None:
    """It may have been sent, and is of a kind that is better not sent than sent twice."""
    MAILS.finish(mail, status=Status.GIVEN_UP, sending_since=None, error=f"{UNCERTAIN}: {why}")
    MAILS_COUNTED.labels(mail.kind, "uncertain").inc()
    log.warning("mail.uncertain", extra={"kind": mail.kind, "order": mail.order.public_id, "error": why})
