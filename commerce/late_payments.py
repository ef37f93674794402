"""Late payments: they succeed after the order has ended unpaid, or in addition to another payment.

LATE_MONEY_POLICY decides. `accept`: the order is reopened if the stock is still there, else a person must decide.
`park`: a person must decide. `refund`: it is refunded automatically. A second payment of a paid order follows the same
policy, except that `accept` parks it: there is nothing to accept it for. A disputed payment is parked in any case.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from billing import disputes
from billing.models import Payment, Refund
from billing.refunds import service as refunds
from billing.refunds.service import CannotRefund
from billing.states import Status
from commerce import orders, stock
from commerce.models import Order, OrderEvent
from config.actions import ActionRefused
from config.formats.sentences import stored

PARK, REFUND = "park", "refund"

KEY_RULE = "late money"
"""Part of the refunds' idempotency keys. Another word would refund a payment a second time after an upgrade."""


# Stored as the note of an order, of its events, or as the reason of a refund.
PAID_TWICE = stored(gettext_noop("paid twice: payment %(payment)s came after %(first)s"))
DISPUTED = stored(gettext_noop("late payment: payment %(payment)s succeeded, and its money is disputed"))
LATE = stored(gettext_noop("late payment: payment %(payment)s succeeded after the order had ended"))
ERASED = stored(gettext_noop("late payment: payment %(payment)s succeeded after the customer's data was deleted"))
SOLD = stored(gettext_noop("late payment: payment %(payment)s succeeded after the stock was sold"))
NOT_REFUNDED = stored(gettext_noop("%(note)s; %(refusal)s"))
CAME = stored(gettext_noop("payment %(payment)s: %(why)s"))
AFTER_ANOTHER = stored(gettext_noop("it came after another payment"))
AFTER_THE_END = stored(gettext_noop("it came after the order had ended"))
ACCEPTED = stored(gettext_noop("payment %(payment)s accepted: %(why)s"))
GIVEN_BACK = stored(gettext_noop("payment %(payment)s given back: %(why)s"))
LEFT = stored(gettext_noop("payment %(payment)s left waiting: %(why)s"))
WAITS = stored(gettext_noop("payment %(payment)s waits: %(why)s"))
UNDECIDED = stored(gettext_noop("payment %(payment)s waits for a decision"))
BY_RULE = stored(gettext_noop("late payment"))


class CannotDecide(ActionRefused):
    """Nothing was changed; the message says why."""


# --- by the policy ---------------------------------------------------------------------------------------------------


def decide(payment: Payment, order: Order) -> None:
    """Apply the shop's policy to a late payment. Payment and order are locked."""
    if settings.LATE_MONEY_POLICY == REFUND:
        _send_back(payment, order)
    elif order.was_paid:
        orders.require_attention(order, PAID_TWICE % {"payment": payment.pk, "first": order.paid_with_id})
    elif disputes.undecided(payment) or payment.left != payment.received:
        orders.require_attention(order, DISPUTED % {"payment": payment.pk})
    elif order.erased_at:
        orders.require_attention(order, ERASED % {"payment": payment.pk})
    elif settings.LATE_MONEY_POLICY == PARK:
        orders.require_attention(order, LATE % {"payment": payment.pk})
    elif stock.take_again(order):
        orders.mark_paid(order, payment)
    else:
        orders.require_attention(order, SOLD % {"payment": payment.pk})


def _send_back(payment: Payment, order: Order) -> None:
    """Starts one refund, even if settled several times. If the refund fails, its settlement requires attention.

    A disputed payment cannot be refunded: a person must decide.
    """
    why = AFTER_ANOTHER if order.was_paid else AFTER_THE_END
    key = refunds.key_for(payment, KEY_RULE)
    note = CAME % {"payment": payment.pk, "why": why}
    try:
        refunds.start(payment.pk, None, wanted_by=BY_RULE, why=why, key=key)
    except CannotRefund as refusal:
        return orders.require_attention(order, NOT_REFUNDED % {"note": note, "refusal": refusal})
    OrderEvent.objects.get_or_create(order=order, kind=OrderEvent.Kind.MONEY_NOT_TAKEN, note=note)
    return None


# --- by a person -----------------------------------------------------------------------------------------------------


def waiting(order: Order) -> list[Payment]:
    """Late payments that wait for a decision: not accepted, and without a refund."""
    succeeded = Payment.objects.filter(reference=order.public_id, status=Status.SUCCEEDED, refunds_minor=0)
    return [payment for payment in succeeded.order_by("pk") if payment.pk != order.paid_with_id]


def accept(order_id: int, payment_id: int, by: str, why: str) -> Order:
    """Reopen the order as paid with this payment. Raises CannotDecide if it is paid already, or the stock is gone."""
    with _deciding(order_id, payment_id, by, ACCEPTED, why) as (order, payment):
        if order.was_paid:
            raise CannotDecide(_("This order is paid already; this payment can only be given back."))
        if order.erased_at:
            raise CannotDecide(_("Its customer's data was deleted; this payment can only be given back."))
        if not order.awaits_payment and not stock.take_again(order):
            raise CannotDecide(_("Some of its goods are sold out or no longer for sale."))
        orders.mark_paid(order, payment)
    return order


def give_back(order_id: int, payment_id: int, by: str, why: str, key: str) -> Refund:
    """Refund the whole payment. The same key gives the same refund. Raises CannotDecide, CannotRefund."""
    with transaction.atomic():
        Order.objects.select_for_update().get(pk=order_id)
        known = refunds.made_with(key)
        if known is not None and known.payment_id == payment_id:
            return known
        with _deciding(order_id, payment_id, by, GIVEN_BACK, why):
            return refunds.start(payment_id, None, wanted_by=by, why=why, key=key)


def keep_parked(order_id: int, payment_id: int, by: str, why: str) -> Order:
    """Leave the payment waiting; the order still requires attention, with the reason."""
    with _deciding(order_id, payment_id, by, LEFT, why) as (order, payment):
        order.attention_note = (WAITS % {"payment": payment.pk, "why": why})[:200]
        order.save(update_fields=["attention_note"])
    return order


@contextmanager
def _deciding(order_id: int, payment_id: int, by: str, decision: str, why: str) -> Iterator[tuple[Order, Payment]]:
    """Lock order and payment, in this order, and record who decided what. The order needs no attention any more, unless
    another late payment waits.
    """
    with transaction.atomic():
        order = Order.objects.select_for_update().get(pk=order_id)
        payment = Payment.objects.select_for_update().filter(pk=payment_id).first()
        undecided = waiting(order)
        if payment is None or payment not in undecided:
            raise CannotDecide(_("This payment has been decided on already."))
        others = [each.pk for each in undecided if each != payment]
        order.attention_note = UNDECIDED % {"payment": others[0]} if others else ""
        order.save(update_fields=["attention_note"])
        note = (decision % {"payment": payment.pk, "why": why})[:200]
        OrderEvent.objects.get_or_create(order=order, kind=OrderEvent.Kind.DECIDED, note=note, defaults={"by": by})
        yield order, payment
