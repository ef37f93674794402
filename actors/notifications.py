"""Mails: their actors, and whether the mail server answers the workers."""

from collections.abc import Iterator

import dramatiq

from actors.operations.queries.mail import outage
from actors.operations.queries.workers import workers
from actors.queues import ROUTINE
from commerce.mail import sending
from commerce.models import Notification
from config.messaging.nudges import nudge
from config.metrics.registry import DATABASE, Value, reader, reading

MAIL_SERVER_AWAY = reading(
    "tillkeeper_mail_server_away", "1 while mails wait and the mail server does not answer the workers, else 0."
)

BATCH = 500
"""Mails over one connection. Exim takes 1,000 by default; a server that takes fewer hangs up and puts one mail off."""


@dramatiq.actor(**ROUTINE)
def send_order_confirmation(order_id: int) -> int:
    """The order's confirmation, now."""
    return sending.send_for(order_id, Notification.Kind.ORDER_CONFIRMATION)


@dramatiq.actor(**ROUTINE)
def send_seller_notification(order_id: int) -> int:
    """To each seller of the order, now."""
    return sending.send_for(order_id, Notification.Kind.SELLER_NOTIFICATION)


@dramatiq.actor(**ROUTINE)
def send_review_reminder(order_id: int) -> int:
    """The order's review reminder, now."""
    return sending.send_for(order_id, Notification.Kind.REVIEW_REMINDER)


@dramatiq.actor(**ROUTINE)
def send_pending_emails() -> int:
    """Every due mail; a full batch means that there may be more."""
    tried = sending.send_due(BATCH)
    if tried >= BATCH:
        nudge("send_pending_emails")
    return tried


@reader(DATABASE)
def mail_server() -> Iterator[Value]:
    """From the workers' heartbeats."""
    yield MAIL_SERVER_AWAY, (), float(outage(workers().living) is not None)
