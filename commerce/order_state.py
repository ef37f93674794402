"""The state of an order as its customer sees it: what its page says, and whether it may be paid now."""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import cache

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

from billing.models import Advice, Attention, Payment
from billing.payments import service as payments
from billing.states import Status
from commerce.models import Order, OrderStatus


class State(TextChoices):
    """A state of the order page, and its title. Each has a template with its sentences."""

    PAY = "pay", _("Waiting for your payment")
    PREPARING = "preparing", _("We are preparing your payment")
    CHECKING = "checking", _("We are checking your payment")
    WORKING = "working", _("Your bank is working on the payment")
    AWAY = "away", _("The payment provider does not answer at the moment")
    OUR_FAULT = "our_fault", _("We could not start the payment: the mistake is ours")
    TRY_AGAIN = "try_again", _("The payment did not go through")
    CANCELING = "canceling", _("Your order is being cancelled")
    PAID = "paid", _("Paid, thank you")
    SENT = "sent", _("On its way to you")
    DELIVERED = "delivered", _("Delivered, enjoy")
    CANCELED = "canceled", _("The order was cancelled")
    EXPIRED = "expired", _("The time to pay is over")
    REFUNDED = "refunded", _("Your money is on its way back")
    SENT_BACK = "sent_back", _("Your refund did not reach you")

    @property
    def is_for_customer(self) -> bool:
        """True if the customer can pay now."""
        return self in (State.PAY, State.AWAY, State.OUR_FAULT, State.TRY_AGAIN)

    @property
    def look(self) -> str:
        """The CSS class: it calls the customer, waits, is good, or is over."""
        if self.is_for_customer:
            return "calls"
        if self in (State.PREPARING, State.CHECKING, State.WORKING, State.CANCELING):
            return "waits"
        return "good" if self in (State.PAID, State.SENT, State.DELIVERED) else "over"

    @property
    def template(self) -> str:
        return f"commerce/states/{self.value}.html"


ADVICE = {
    Advice.AGAIN: _("Your bank declined the last attempt. It may work if you try again."),
    Advice.OTHER: _("The last attempt was declined. Please pay with another card, or in another way."),
    Advice.BANK: _("Your bank declined the last attempt. Please ask your bank, or pay in another way."),
}
"""What helps after a decline."""


def state_of(
    order: Order, payment: Payment | None, now: datetime, is_away: Callable[[str], bool] = payments.is_away
) -> State:
    """The state of the order; `payment` is its newest."""
    if not order.awaits_payment:
        return _after_the_end(order)
    if payment is None or not payment.is_open:
        return _after_payment(payment)
    if payment.working_since:
        return State.WORKING
    if payment.cancel_asked_at:
        return State.CANCELING
    if payment.status == Status.AUTHORIZED or order.pay_before <= now:
        return State.CHECKING
    return _of_offer(payment, is_away)


def with_states(orders: Sequence[Order], now: datetime) -> list[tuple[Order, State]]:
    """Each order with its state. One query finds the payments of all of them."""
    found = Payment.objects.filter(reference__in=[order.public_id for order in orders]).order_by("pk")
    newest, is_away = {payment.reference: payment for payment in found}, cache(payments.is_away)
    return [(order, state_of(order, newest.get(order.public_id), now, is_away)) for order in orders]


def _after_the_end(order: Order) -> State:
    if order.status == OrderStatus.PAID and order.sent_at:
        return State.SENT
    came_back = order.status == OrderStatus.REFUNDED and order.refund_came_back
    return State.SENT_BACK if came_back else State(order.status)


def _after_payment(payment: Payment | None) -> State:
    """The payment has ended, and the order has not."""
    if payment is None:
        return State.TRY_AGAIN
    if payment.status == Status.SUCCEEDED:
        return State.CHECKING  # it is about to be settled
    if payment.cancel_asked_at:
        return State.CANCELING
    return State.OUR_FAULT if payment.status == Status.FAILED and not payment.provider_ref else State.TRY_AGAIN


def _of_offer(payment: Payment, is_away: Callable[[str], bool]) -> State:
    """What an open payment lets its customer do. The first line that fits decides:

    | what is known                                  | state     |
    | ---------------------------------------------- | --------- |
    | the provider's page is not known               | preparing | nothing can have been paid
    | the customer came back, and no answer since    | checking  | they may have paid: never asked to pay again
    | an operator must decide about the answer       | checking  |
    | the provider is known to be away               | away      |
    | too many errors in a row                       | checking  |
    | none of it                                     | pay       |
    """
    if not payments.pay_page(payment):
        return State.PREPARING
    if payment.returned_at or payment.attention not in (Attention.NONE, Attention.ERRORS):
        return State.CHECKING
    if is_away(payment.account):
        return State.AWAY
    return State.CHECKING if payment.attention else State.PAY
