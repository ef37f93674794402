"""Money that the order was not waiting for: it came after the order had ended unpaid, or on top of other money.

LATE_MONEY_POLICY says what becomes of it. `accept`: the order is taken up again if the stock is still there, else a
person must decide. `park`: a person must decide. `refund`: it goes back by itself. A second payment of an order that is
paid already obeys the same policy, but there is nothing that it could be accepted for: `accept` parks it.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.db import transaction

from billing.models import Payment, Refund
from billing.refunds import service as refunds
from billing.states import Status
from commerce import orders, stock
from commerce.models import Order, OrderEvent
from config.actions import ActionRefused

PARK, REFUND = "park", "refund"

BY_RULE = "late money"
"""Who wants the refunds that nobody clicked for."""


class CannotDecide(ActionRefused):
    """Nothing was changed; the message says why."""


# --- by the policy ---------------------------------------------------------------------------------------------------


def decide(payment: Payment, order: Order) -> None:
    """Apply the shop's policy to a payment that succeeded without being waited for. Both are locked."""
    if settings.LATE_MONEY_POLICY == REFUND:
        _send_back(payment, order)
    elif order.was_paid:
        orders.require_attention(order, f"paid twice: payment {payment.pk} came on top of {order.paid_with_id}")
    elif settings.LATE_MONEY_POLICY == PARK:
        orders.require_attention(order, f"late money: payment {payment.pk} succeeded after the order had ended")
    elif stock.take_again(order):
        orders.mark_paid(order, payment)
    else:
        orders.require_attention(order, f"late money: payment {payment.pk} succeeded after the stock was sold")


def _send_back(payment: Payment, order: Order) -> None:
    """One refund, however often this is settled. If it fails, settling that calls for a person."""
    why = "it came on top of another payment" if order.was_paid else "it came after the order had ended"
    key = refunds.key_for(payment, BY_RULE)
    refunds.start(payment.pk, None, wanted_by=BY_RULE, why=why, key=key)
    note = f"payment {payment.pk}: {why}"
    OrderEvent.objects.get_or_create(order=order, kind=OrderEvent.Kind.MONEY_NOT_TAKEN, note=note)


# --- by a person -----------------------------------------------------------------------------------------------------


def waiting(order: Order) -> list[Payment]:
    """Payments that brought money which the order has not taken, and of which nothing goes back."""
    brought = Payment.objects.filter(reference=order.public_id, status=Status.SUCCEEDED, refunds_minor=0)
    return [payment for payment in brought.order_by("pk") if payment.pk != order.paid_with_id]


def accept(order_id: int, payment_id: int, by: str, why: str) -> Order:
    """Take the order up again with this money. Raises CannotDecide if it is paid already, or the stock is gone."""
    with _deciding(order_id, payment_id, by, f"accepted: {why}") as (order, payment):
        if order.was_paid:
            raise CannotDecide("This order is paid already; the money on top of it can only go back.")
        if not order.awaits_payment and not stock.take_again(order):
            raise CannotDecide("Some of its goods are sold, or not sold any more.")
        orders.mark_paid(order, payment)
    return order


def give_back(order_id: int, payment_id: int, by: str, why: str, key: str) -> Refund:
    """Give all of this money back. The same key gives the same refund. Raises CannotDecide, CannotRefund."""
    with transaction.atomic():
        Order.objects.select_for_update().get(pk=order_id)
        known = Refund.objects.filter(idempotency_key=key, payment_id=payment_id).first()
        if known is not None:
            return known
        with _deciding(order_id, payment_id, by, f"given back: {why}"):
            return refunds.start(payment_id, None, wanted_by=by, why=why, key=key)


def keep_parked(order_id: int, payment_id: int, by: str, why: str) -> Order:
    """Leave it where it is for now; the order goes on asking for a person, with the reason."""
    with _deciding(order_id, payment_id, by, f"left waiting: {why}") as (order, payment):
        order.attention_note = f"payment {payment.pk} waits: {why}"[:200]
        order.save(update_fields=["attention_note"])
    return order


@contextmanager
def _deciding(order_id: int, payment_id: int, by: str, note: str) -> Iterator[tuple[Order, Payment]]:
    """Order and payment, locked in that order; afterwards the order tells who decided what.

    It asks for a person no more, unless other money waits as well.
    """
    with transaction.atomic():
        order = Order.objects.select_for_update().get(pk=order_id)
        payment = Payment.objects.select_for_update().get(pk=payment_id)
        undecided = waiting(order)
        if payment not in undecided:
            raise CannotDecide("This money has been decided on already.")
        others = [each.pk for each in undecided if each != payment]
        order.attention_note = f"payment {others[0]} waits for a decision" if others else ""
        order.save(update_fields=["attention_note"])
        OrderEvent.objects.get_or_create(
            order=order, kind=OrderEvent.Kind.DECIDED, note=f"payment {payment.pk} {note}"[:200], defaults={"by": by}
        )
        yield order, payment
