"""Actions of staff on orders: refund, delivery, cancellation, mails, attention and late payments; the list of those for
a person.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from billing import stakes
from billing.actions import REFUND, MoneyForm, RefundForm, refund
from billing.attention_list import Item, item
from billing.models import Payment, Refund
from billing.money import Money
from billing.states import RefundStatus
from commerce import late_payments, orders
from commerce.mail import queue
from commerce.models import Notification, Order, OrderEvent, OrderStatus
from config.actions import Action, ActionRefused, Question, Reason, Subject, row_of


class LatePaymentForm(MoneyForm):
    """Chooses one of the late payments; there is rarely more than one."""

    payment = forms.Field()
    field_order = ("payment", "why")

    def __init__(self, subjects: Sequence[Subject], data: Mapping[str, Any] | None = None) -> None:
        super().__init__(subjects, data)
        order: Any = subjects[0].row
        waiting = [(payment.pk, str(payment)) for payment in late_payments.waiting(order)]
        self.fields["payment"] = _one_of(waiting, _("Payment"), (data or {}).get("payment"))


class OrderRefundForm(RefundForm):
    """How much of what is left of the payment that paid the order."""

    def payment_of(self, row: Any) -> Payment | None:
        return row.paid_with  # type: ignore[no-any-return]


class MailForm(Reason):
    """Chooses one of the order's mails, the first one by default: that is the confirmation."""

    mail = forms.Field()
    field_order = ("mail", "why")

    def __init__(self, subjects: Sequence[Subject], data: Mapping[str, Any] | None = None) -> None:
        super().__init__(subjects, data)
        order: Any = subjects[0].row
        mails = queue.repeatable(order).defer("text", "html", "attachment")
        named = [(mail.pk, f"{mail.subject} → {mail.recipient}") for mail in mails]
        self.fields["mail"] = _one_of(named, _("Which mail?"), (data or {}).get("mail"))


def _one_of(choices: list[tuple[int, str]], label: Any, sent: Any) -> forms.TypedChoiceField:
    """One of these. A second click sends one that was done meanwhile: it passes, and the action says so."""
    sent = str(sent or "")
    if sent.isdecimal() and len(sent) < 19 and int(sent) not in dict(choices):
        choices = [*choices, (int(sent), sent)]
    return forms.TypedChoiceField(coerce=int, label=label, choices=choices)


# --- which make sense now --------------------------------------------------------------------------------------------


def _has_money_left(order: Order) -> bool:
    return order.paid_with is not None and REFUND.offered(order.paid_with)


def _has_late_payment(order: Order) -> bool:
    return bool(late_payments.waiting(order))


def _can_be_cancelled(order: Order) -> bool:
    asked = order.events.filter(kind=OrderEvent.Kind.CANCEL_ASKED)
    return order.status == OrderStatus.AWAITING_PAYMENT and not asked.exists()


# --- sentences -------------------------------------------------------------------------------------------------------


def _named(order: Any) -> str:
    return f"{order.number}: {order.standing}, {order.name}, {order.total.localized()}"


def _named_with_left(order: Any) -> str:
    left = order.paid_with and order.paid_with.left
    return f"{_named(order)} → {left.localized() if left else '–'}"


def _about_order(text: Any) -> Callable[[Subject, Any], str]:
    """A sentence with the order's number and the customer's name."""

    def told(about: Subject, _result: Any) -> str:
        order: Any = about.row
        return str(text) % {"number": order.number, "name": order.name}

    return told


def _refund_told(about: Subject, started: Refund) -> str:
    """The provider answers later; a second click may find the end."""
    order: Any = about.row
    facts = {"amount": started.amount.localized(), "name": order.name}
    if started.status == RefundStatus.SUCCEEDED:
        return gettext("%(amount)s went back to %(name)s.") % facts
    return gettext("A refund of %(amount)s to %(name)s has started. A mail tells the customer when it is done.") % facts


def _cancellation_told(about: Subject, _canceled: bool) -> str:
    order = Order.objects.get(pk=about.row.pk)
    text = gettext("Order %(number)s of %(name)s is being cancelled: its payment is cancelled at the provider first.")
    if order.status == OrderStatus.CANCELED:
        text = gettext("Order %(number)s of %(name)s is cancelled, and its goods are back in stock.")
    return text % {"number": order.number, "name": order.name}


def _reopening_told(_about: Subject, order: Order) -> str:
    text = gettext("Order %(number)s of %(name)s is paid. The customer gets the confirmation.")
    return text % {"number": order.number, "name": order.name}


def _mail_told(_about: Subject, mail: Notification) -> str:
    return gettext("The mail to %(recipient)s is being sent again.") % {"recipient": mail.recipient}


# --- what they do ----------------------------------------------------------------------------------------------------


def _refund(order_id: int, by: str, why: str, key: str, amount: Money) -> Refund:
    payment_id = Order.objects.values_list("paid_with_id", flat=True).get(pk=order_id)
    if payment_id is None:
        raise ActionRefused(gettext("This order is not paid."))
    return refund(payment_id, by, why, key, amount)


def _write_again(order_id: int, by: str, why: str, mail: int) -> Notification | bool:
    return queue.repeat(order_id, mail) or False


# --- the money at stake, for the second person -----------------------------------------------------------------------


def _late_payment(_order: Order, answers: stakes.Answers) -> list[Money]:
    payment = Payment.objects.filter(pk=answers["payment"]).first()
    return stakes.all_of(payment, answers) if payment else []


def _part_of_paid(order: Order, answers: stakes.Answers) -> list[Money]:
    """The payment is locked after its order: a refund on the payment's own page is judged before or after."""
    paid = order.paid_with
    return stakes.refund(Payment.objects.select_for_update().get(pk=paid.pk), answers) if paid else []


def _all_of_paid(order: Order, answers: stakes.Answers) -> list[Money]:
    return stakes.all_of(order.paid_with, answers) if order.paid_with else []


ACCEPT, GIVE_BACK, LEAVE = (
    Action(
        "accept", _("Reopen the order"),
        _("The payment is accepted, and the order is paid. Its goods are reserved, if they are still in stock."),
        ("commerce.change_order", "billing.decide_payment"), row_of(Order),
        lambda order, by, why, key, payment: late_payments.accept(order, payment, by, why),
        _("Orders reopened"), form=LatePaymentForm, told=_reopening_told, stake=_late_payment,
        offered=lambda order: not order.was_paid and _has_late_payment(order), named=_named,
    ),
    Action(
        "give-back", _("Give the money back"),
        _("The whole payment is refunded; the order does not change."),
        ("billing.add_refund",), row_of(Order),
        lambda order, by, why, key, payment: late_payments.give_back(order, payment, by, why, key),
        _("Late payments given back"), form=LatePaymentForm, told=_refund_told, stake=_late_payment,
        offered=_has_late_payment, named=_named,
    ),
    Action(
        "leave", _("Leave it waiting"),
        _("The payment does not change; the order still requires attention, with your reason."),
        ("commerce.change_order",), row_of(Order),
        lambda order, by, why, key, payment: late_payments.keep_parked(order, payment, by, why),
        _("Late payments left waiting"), form=LatePaymentForm,
        told=_about_order(_("The payment still waits, and order %(number)s of %(name)s still needs a person.")),
        offered=_has_late_payment, named=_named,
    ),
)  # fmt: skip
REFUND_ORDER = Action(
    "refund", REFUND.title, REFUND.explanation, REFUND.permissions, row_of(Order), _refund, REFUND.done,
    form=OrderRefundForm, one_by_one=True, named=_named, stake=_part_of_paid,
    offered=_has_money_left, told=_refund_told,
)  # fmt: skip
CANCEL_PAID = Action(
    "cancel-paid", _("Cancel and refund"),
    _("All the money that is left goes back to the customer. When the provider has paid it out, the order ends; goods "
      "that were not sent are back in stock then, and the sellers get a mail not to pack them. This cannot be undone."),
    ("commerce.change_order", *REFUND.permissions), row_of(Order), orders.cancel_paid,
    _("Paid orders cancelled"), form=MoneyForm,
    one_by_one=True, named=_named_with_left, stake=_all_of_paid,
    offered=lambda order: order.status == OrderStatus.PAID and _has_money_left(order), told=_refund_told,
)  # fmt: skip
MARK_SENT = Action(
    "mark-sent", _("Mark as sent"),
    _("Are these orders on their way? The customer's page says so then. A later refund leaves their goods out of stock "
      "until a person puts them back. This cannot be undone."),
    ("commerce.change_order",), row_of(Order), orders.mark_sent, _("Orders marked as sent"),
    _("Orders that are not paid, are sent or delivered already, or are picked up"), Question, named=_named,
    told=_about_order(_("Order %(number)s of %(name)s is marked as sent; the customer's page says so.")),
    offered=lambda order: order.can_be_sent,
)  # fmt: skip
MARK_DELIVERED = Action(
    "mark-delivered", _("Mark delivered"),
    _("Have these orders reached their customers? This cannot be undone."),
    ("commerce.change_order",), row_of(Order), orders.mark_delivered, _("Orders marked delivered"),
    _("Orders that are not paid, or delivered already"), Question, named=_named,
    told=_about_order(_("Order %(number)s of %(name)s is marked delivered.")),
    offered=lambda order: order.status == OrderStatus.PAID,
)  # fmt: skip
CANCEL = Action(
    "cancel", _("Cancel for the customer"),
    _("Do the customers no longer want these orders? An open payment is cancelled at the provider first; a customer "
      "who has paid meanwhile still gets the order. This cannot be undone."),
    ("commerce.change_order",), row_of(Order), orders.cancel_on_behalf, _("Orders cancelled for the customer"),
    _("Orders that no longer await payment, whose money has arrived, or that are being cancelled already"),
    Reason, named=_named, offered=_can_be_cancelled, told=_cancellation_told,
)  # fmt: skip
WRITE_AGAIN = Action(
    "write-again", _("Write again"),
    _("One mail of this order is sent once more, as it was. For a customer or a seller who did not get it."),
    ("commerce.change_notification",), row_of(Order), _write_again, _("Mails sent once more"),
    _("Mails that are being sent already, or whose text is not true any more"), MailForm, one_by_one=True,
    named=_named, told=_mail_told,
    offered=lambda order: queue.repeatable(order).exists(),
)  # fmt: skip
CLEAR_ATTENTION = Action(
    "clear-attention", _("It has been looked at"),
    _("Is the problem of these orders resolved? Say what was done."),
    ("commerce.change_order",), row_of(Order), orders.clear_attention, _("Orders that a person has looked at"),
    _("Orders that need no attention"), Reason, named=_named, offered=lambda order: bool(order.attention_note),
)  # fmt: skip

OF_ORDERS = (
    ACCEPT, GIVE_BACK, LEAVE, MARK_SENT, MARK_DELIVERED, REFUND_ORDER, CANCEL_PAID, CANCEL, WRITE_AGAIN,
    CLEAR_ATTENTION,
)  # fmt: skip

# --- attention, beside that of billing's rows ------------------------------------------------------------------------


def attention_list(limit: int) -> list[Item]:
    """The newest orders with an attention note."""
    return [
        item(
            row,
            OF_ORDERS,
            (row.number, row.public_id),
            row.placed_at,
            f"order {row.standing}",
            row.attention_note,
        )
        for row in orders.ATTENTIVE_ORDERS.rows()[:limit]
    ]
