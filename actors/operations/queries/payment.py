"""One payment: the reason for its state, and its timeline."""

from dataclasses import dataclass

from billing.actions import OF_PAYMENTS
from billing.explain.standing import standing
from billing.explain.timeline import Entry
from billing.models import Payment
from billing.payments.check import CHECK_QUEUE
from commerce.models import Order
from commerce.timeline import timeline
from config.actions.admin import Offer, offers
from config.due.queue import database_now


@dataclass(frozen=True)
class OnePayment:
    """The page of a payment."""

    payment: Payment
    standing: list[str]
    """The reason for its state (`billing.explain.standing`)."""

    timeline: list[Entry]
    resolutions: list[Offer]
    order: Order | None
    """None if its reference is not an order."""


def one_payment(pk: int) -> OnePayment | None:
    """The payment with this id, or None."""
    payment = Payment.objects.filter(pk=pk).first()
    if payment is None:
        return None
    order = Order.objects.filter(public_id=payment.reference).first()
    return OnePayment(
        payment=payment,
        standing=standing(payment, database_now(CHECK_QUEUE.database)),
        timeline=timeline(order) if order else [],
        resolutions=offers(OF_PAYMENTS, payment),
        order=order,
    )
