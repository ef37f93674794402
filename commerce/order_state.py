"""The state that the page of an order shows."""

from billing.models import Payment
from commerce.models import Order


def state_of(order: Order, payment: Payment | None) -> dict[str, str | bool]:
    """The state of the order page.

    Final: `paid`, `delivered`, `canceled`, `expired`, `refunded`. Before: `pay` (the provider's page waits for the
    customer), `checking` (the outcome is unknown), `try_again` (this payment has failed, another may be started),
    `canceling` (the customer has cancelled, and the provider has not confirmed it yet).
    """
    if not order.awaits_payment:
        return {"state": order.status, "final": True}
    if payment and payment.cancel_asked_at and payment.status != "succeeded":
        return {"state": "canceling", "final": False}
    if payment is None or not payment.is_open:
        # A payment that succeeded is about to be settled.
        return {"state": "checking" if payment and payment.status == "succeeded" else "try_again", "final": False}
    ready = payment.status == "pending" and payment.pay_url and not payment.attention
    return {"state": "pay" if ready else "checking", "final": False}
