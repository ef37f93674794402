"""The state of an order as its customer sees it: what its page says, and whether a mail may ask to pay."""

from collections.abc import Sequence

from billing.models import Payment
from commerce.models import Order


def state_of(order: Order, payment: Payment | None) -> str:
    """The state of the order page; `payment` is the order's newest.

    Final: `paid`, `delivered`, `canceled`, `expired`, `refunded`. Before: `pay` (the provider's page waits for the
    customer), `checking` (the outcome is unknown), `try_again` (this payment has failed, another may be started),
    `canceling` (the customer has cancelled, and the provider has not confirmed it yet).
    """
    if not order.awaits_payment:
        return order.status
    if payment and payment.cancel_asked_at and payment.status != "succeeded":
        return "canceling"
    if payment is None or not payment.is_open:
        # A payment that succeeded is about to be settled.
        return "checking" if payment and payment.status == "succeeded" else "try_again"
    return "pay" if payment.status == "pending" and payment.pay_url and not payment.attention else "checking"


def with_states(orders: Sequence[Order]) -> list[tuple[Order, str]]:
    """Each order with its state, in one query for all of them."""
    payments = Payment.objects.filter(reference__in=[order.public_id for order in orders]).order_by("pk")
    newest = {payment.reference: payment for payment in payments}
    return [(order, state_of(order, newest.get(order.public_id))) for order in orders]
