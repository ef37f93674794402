"""Orders: settled when paid, their customers reminded, expired when the time to pay is over."""

import dramatiq

from actors.queues import ROUTINE, URGENT
from commerce import orders, payment_links, settlement
from config.messaging.nudges import nudge


@dramatiq.actor(**URGENT)
def settle_orders() -> int:
    """Payment events become order states; a full batch means that there may be more."""
    settled = settlement.settle_due()
    if settled == settlement.BATCH:
        nudge("settle_orders")
    return settled


@dramatiq.actor(**ROUTINE)
def expire_orders() -> int:
    """Expire unpaid orders."""
    return orders.expire_due()


@dramatiq.actor(**ROUTINE)
def remind_unpaid_orders() -> int:
    """Write to customers who have not paid for a while, once per order."""
    return payment_links.remind_due()
