"""Mails."""

import dramatiq

from actors.queues import ROUTINE
from commerce.mail import sending
from commerce.models import Notification
from config.messaging.nudges import nudge

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
