"""One payment: why it is where it is, and its story."""

from dataclasses import dataclass
from datetime import datetime

from billing.admin.bases import page_of
from billing.admin.resolutions import OF_PAYMENTS
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

    pk: int
    reference: str
    amount: str
    account: str
    provider_ref: str
    status: str
    raw_status: str
    reason: str
    is_open: bool
    created_at: datetime
    window_ends_at: datetime
    next_check_at: datetime | None
    ended_at: datetime | None
    errors: int
    claims: int
    needs_a_person: bool
    standing: list[str]
    """Why it is where it is (`billing.explain.standing`)."""

    story: list[Entry]
    ways_out: list[Offer]
    address: str
    order: str
    """Where the order's page is; empty: it is not an order that was paid for."""


def one_payment(pk: int) -> OnePayment | None:
    """None if there is none of that number."""
    payment = Payment.objects.filter(pk=pk).first()
    if payment is None:
        return None
    return _described(payment, Order.objects.filter(public_id=payment.reference).first())


def _described(payment: Payment, order: Order | None) -> OnePayment:
    return OnePayment(
        pk=payment.pk,
        reference=payment.reference,
        amount=str(payment.amount),
        account=payment.account,
        provider_ref=payment.provider_ref,
        status=payment.get_status_display(),
        raw_status=payment.raw_status,
        reason=payment.reason,
        is_open=payment.is_open,
        created_at=payment.created_at,
        window_ends_at=payment.window_ends_at,
        next_check_at=payment.next_check_at,
        ended_at=payment.ended_at,
        errors=payment.errors,
        claims=payment.claims,
        needs_a_person=bool(payment.attention),
        standing=standing(payment, database_now(CHECK_QUEUE.database)),
        story=timeline(order) if order else [],
        ways_out=offers(OF_PAYMENTS, payment),
        address=page_of(Payment, payment.pk),
        order=page_of(Order, order.pk) if order else "",
    )
