"""Settlement: applies payment events to orders.

Each payment event is settled in one transaction, which locks the event, the order and the payment, in this order, and
reads the payment and its refunds *as they are now*. So events may be settled in any order, and several times.
"""

import logging
from datetime import timedelta

from django.db import transaction
from django.db.models import Sum
from django.utils.translation import gettext_noop

from billing.models import Payment, PaymentEvent, Refund
from billing.payments import service as payments
from billing.states import RefundStatus, Status
from commerce import late_payments, orders, payment_links, stock
from commerce.mail.queue import queue_money_back, queue_stop_packing
from commerce.metrics import ORDERS_TOTAL
from commerce.models import Order, OrderStatus
from config.due.queue import Due, database_now
from config.formats.sentences import stored

log = logging.getLogger(__name__)

SETTLEMENT_QUEUE = Due(PaymentEvent, "settle_after", lease=timedelta(seconds=30))
BATCH = 50

REFUND_FAILED = stored(gettext_noop("refund %(refund)s of %(amount)s did not go through: %(reason)s"))


def settle_due() -> int:
    """Settle due payment events; returns how many were claimed. After a full batch there may be more."""
    return SETTLEMENT_QUEUE.work_off(BATCH, _settle)


def _settle(event: PaymentEvent) -> None:
    with SETTLEMENT_QUEUE.holding(event) as held:
        reference = Payment.objects.values_list("reference", flat=True).get(pk=held.payment_id)
        order = Order.objects.select_for_update().filter(public_id=reference).first()
        payment = Payment.objects.select_for_update().get(pk=held.payment_id)
        if order is not None:
            _apply(payment, order)
            payment_links.tell_of_late_page(held, order, payment)
            if order.paid_with_id == payment.pk:
                _count_refunds(payment, order)
            if held.refund is not None:
                _take_refund(held.refund, order)
        SETTLEMENT_QUEUE.done(held)
        held.save(update_fields=SETTLEMENT_QUEUE.fields)


def _apply(payment: Payment, order: Order) -> None:
    """Apply the payment's current state to the order."""
    match payment.status:
        case Status.SUCCEEDED:
            _take_money(payment, order)
        case Status.CANCELED if _may_end(order):
            orders.give_up(order, OrderStatus.CANCELED)
        case Status.EXPIRED | Status.FAILED if payment.cancel_asked_at and _may_end(order):
            # The payment ended unpaid before it could be cancelled; the customer wanted no other.
            orders.give_up(order, OrderStatus.CANCELED)
        case Status.EXPIRED if _may_end(order) and order.pay_before <= database_now():
            orders.give_up(order, OrderStatus.EXPIRED)
        # After a failed payment the customer may try again until the order expires.


def _take_money(payment: Payment, order: Order) -> None:
    """A payment with a refund was decided on already, even if the refund failed: that requires attention by itself."""
    if order.awaits_payment:
        orders.mark_paid(order, payment)
    elif order.paid_with_id != payment.pk and not Refund.objects.filter(payment=payment).exists():
        late_payments.decide(payment, order)


def _take_refund(refund: Refund, order: Order) -> None:
    """A successful refund is mailed to the customer, also of a late payment; a failed one requires attention."""
    if refund.status == RefundStatus.SUCCEEDED:
        queue_money_back(order, refund)
    elif not refund.is_open:
        reason = refund.reason or refund.raw_status
        orders.require_attention(
            order, REFUND_FAILED % {"refund": refund.pk, "amount": refund.amount, "reason": reason}
        )


def _count_refunds(payment: Payment, order: Order) -> None:
    """Store the refunded part of the order's money; a full refund ends the order.

    Then the stock is returned and the sellers get a mail not to send. Not if the goods were sent or delivered: a person
    must see whether they come back in a state to be sold.
    """
    done = Refund.objects.filter(payment=payment, status=RefundStatus.SUCCEEDED)
    order.refunded_minor = done.aggregate(minor=Sum("amount_minor"))["minor"] or 0
    if order.is_paid and payment.received and order.refunded_minor >= payment.received.minor:
        if order.goods_are_here:
            stock.give_back(order)
            queue_stop_packing(order)
        order.refund(database_now())
        transaction.on_commit(lambda: log.info("order.refunded", extra={"order": order.number}))
        transaction.on_commit(ORDERS_TOTAL.labels("refunded").inc)
    order.save(update_fields=["status", "refunded_minor", "refunded_at"])


def _may_end(order: Order) -> bool:
    return order.awaits_payment and not payments.money_may_come(order.public_id)
