"""Late payments: they succeed after the order has ended unpaid, or in addition to another payment.

LATE_MONEY_POLICY decides. `accept`: the order is reopened if the stock is still there, else a person must decide.
`park`: a person must decide. `refund`: it is refunded automatically. A second payment of a paid order follows the same
policy, except that `accept` parks it: there is nothing to accept it for. A disputed payment is parked in any case.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.db import transaction

from billing import disputes
from billing.models import Payment, Refund
from billing.refunds import service as refunds
from billing.refunds.service import CannotRefund
from billing.states import Status
from commerce import orders, stock
from commerce.models import Order, OrderEvent
from config.actions import ActionRefused

PARK, REFUND = "park", "refund"

KEY_RULE = "late money"
"""Part of the refunds' idempotency keys. Another word would refund a payment a second time after an upgrade."""


class CannotDecide(ActionRefused):
    """Nothing was changed; the message says why."""


# --- by the policy ---------------------------------------------------------------------------------------------------


def decide(payment: Payment, order: Order) -> None:
    """Apply the shop's policy to a late payment. Payment and order are locked."""
    if settings.LATE_MONEY_POLICY == REFUND:
        _send_back(payment, order)
    elif order.was_paid:
        orders.require_attention(order, f"paid twice: payment {payment.pk} came after {order.paid_with_id}")
    elif disputes.undecided(payment) or payment.left != payment.received:
        orders.require_attention(order, f"late payment: payment {payment.pk} succeeded, and its money is disputed")
    elif settings.LATE_MONEY_POLICY == PARK:
        orders.require_attention(order, f"late payment: payment {payment.pk} succeeded after the order had ended")
    elif stock.take_again(order):
        orders.mark_paid(order, payment)
    else:
        orders.require_attention(order, f"late payment: payment {payment.pk} succeeded after the stock was sold")


def _send_back(payment: Payment, order: Order) -> None:
    """Starts one refund, even if settled several times. If the refund fails, its settlement requires attention.

    A disputed payment cannot be refunded: a person must decide.
    """
    why = "it came after another payment" if order.was_paid else "it came after the order had ended"
    key = refunds.key_for(payment, KEY_RULE)
    note = f"payment {payment.pk}: {why}"
    try:
        refunds.start(payment.pk, None, wanted_by="late payment", why=why, key=key)
    except CannotRefund as refusal:
        return orders.require_attention(order, f"{note}; {refusal}")
    OrderEvent.objects.get_or_create(order=order, kind=OrderEvent.Kind.MONEY_NOT_TAKEN, note=note)
    return None


# --- by a person -----------------------------------------------------------------------------------------------------


def waiting(order: Order) -> list[Payment]:
    """Late payments that wait for a decision: not accepted, and without a refund."""
    succeeded = Payment.objects.filter(reference=order.public_id, status=Status.SUCCEEDED, refunds_minor=0)
    return [payment for payment in succeeded.order_by("pk") if payment.pk != order.paid_with_id]


def accept(order_id: int, payment_id: int, by: str, why: str) -> Order:
    """Reopen the order as paid with this payment. Raises CannotDecide if it is paid already, or the stock is gone."""
    with _deciding(order_id, payment_id, by, f"accepted: {why}") as (order, payment):
        if order.was_paid:
            raise CannotDecide("This order is paid already; this payment can only be given back.")
        if not order.awaits_payment and not stock.take_again(order):
            raise CannotDecide("Some of its goods are sold out or no longer for sale.")
        orders.mark_paid(order, payment)
    return order


def give_back(order_id: int, payment_id: int, by: str, why: str, key: str) -> Refund:
    """Refund the whole payment. The same key gives the same refund. Raises CannotDecide, CannotRefund."""
    with transaction.atomic():
        Order.objects.select_for_update().get(pk=order_id)
        known = Refund.objects.filter(idempotency_key=key, payment_id=payment_id).first()
        if known is not None:
            return known
        with _deciding(order_id, payment_id, by, f"given back: {why}"):
            return refunds.start(payment_id, None, wanted_by=by, why=why, key=key)


def keep_parked(order_id: int, payment_id: int, by: str, why: str) -> Order:
    """Leave the payment waiting; the order still requires attention, with the reason."""
    with _deciding(order_id, payment_id, by, f"left waiting: {why}") as (order, payment):
        order.attention_note = f"payment {payment.pk} waits: {why}"[:200]
        order.save(update_fields=["attention_note"])
    return order


@contextmanager
def _deciding(order_id: int, payment_id: int, by: str, note: str) -> Iterator[tuple[Order, Payment]]:
    """Lock order and payment, in this order, and record who decided what. The order needs no attention any more, unless
    another late payment waits.
    """
    with transaction.atomic():
        order = Order.objects.select_for_update().get(pk=order_id)
        payment = Payment.objects.select_for_update().get(pk=payment_id)
        undecided = waiting(order)
        if payment not in undecided:
            raise CannotDecide("This payment has been decided on already.")
        others = [each.pk for each in undecided if each != payment]
        order.attention_note = f"payment {others[0]} waits for a decision" if others else ""
        order.save(update_fields=["attention_note"])
        OrderEvent.objects.get_or_create(
            order=order, kind=OrderEvent.Kind.DECIDED, note=f"payment {payment.pk} {note}"[:200], defaults={"by": by}
        )
        yield order, payment
