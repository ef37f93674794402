"""Orders: settled when their payment is, expired when nobody pays."""

import dramatiq

from actors.queues import ROUTINE, URGENT
from commerce import orders, settlement
from config.nudges import nudge


@dramatiq.actor(**URGENT)
def settle_orders() -> None:
    """Payment events become order states; a full batch means there may be more."""
    if settlement.settle_due() == settlement.BATCH:
        nudge("settle_orders")


@dramatiq.actor(**ROUTINE)
def expire_orders() -> None:
    """Orders nobody paid for in time."""
    orders.expire_due()
