"""Actions of staff on orders: delivery, cancellation, attention and late payments; the list of those for a person."""

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from billing.actions import MoneyForm
from billing.attention_list import Item, item
from commerce import late_payments, orders
from commerce.models import Order, OrderEvent, OrderStatus
from config.actions import Action, Question, Reason, Subject, row_of


class LatePaymentForm(MoneyForm):
    """Chooses one of the late payments; there is rarely more than one."""

    payment = forms.TypedChoiceField(coerce=int, label=_("Payment"))
    field_order = ("payment", "why")

    def __init__(self, subjects: Sequence[Subject], data: Mapping[str, Any] | None = None) -> None:
        super().__init__(subjects, data)
        order: Any = subjects[0].row
        choices = [(payment.pk, str(payment)) for payment in late_payments.waiting(order)]
        # A second click finds no waiting payment; the key shows that it is the same request.
        sent = str((data or {}).get("payment", ""))
        known = [(int(sent), sent)] if sent.isdecimal() and len(sent) < 19 else []
        self.fields["payment"] = forms.TypedChoiceField(coerce=int, label=_("Payment"), choices=choices or known)


def _has_late_payment(order: Order) -> bool:
    return bool(late_payments.waiting(order))


def _can_be_cancelled(order: Order) -> bool:
    asked = order.events.filter(kind=OrderEvent.Kind.CANCEL_ASKED)
    return order.status == OrderStatus.AWAITING_PAYMENT and not asked.exists()


def _named(order: Any) -> str:
    return f"{order.public_id}: {order.get_status_display()}, {order.name}, {order.total}"


ACCEPT, GIVE_BACK, LEAVE = (
    Action(
        "accept", _("Reopen the order"),
        _("The payment is accepted, and the order is paid. Its goods are reserved, if they are still in stock."),
        ("commerce.change_order",), row_of(Order),
        lambda order, by, why, key, payment: late_payments.accept(order, payment, by, why),
        _("Orders reopened"), form=LatePaymentForm,
        offered=lambda order: not order.was_paid and _has_late_payment(order), named=_named,
    ),
    Action(
        "give-back", _("Give the money back"),
        _("The whole payment is refunded; the order does not change."),
        ("billing.add_refund",), row_of(Order),
        lambda order, by, why, key, payment: late_payments.give_back(order, payment, by, why, key),
        _("Late payments given back"), form=LatePaymentForm,
        offered=_has_late_payment, named=_named,
    ),
    Action(
        "leave", _("Leave it waiting"),
        _("The payment does not change; the order still requires attention, with your reason."),
        ("commerce.change_order",), row_of(Order),
        lambda order, by, why, key, payment: late_payments.keep_parked(order, payment, by, why),
        _("Late payments left waiting"), form=LatePaymentForm,
        offered=_has_late_payment, named=_named,
    ),
)  # fmt: skip
MARK_DELIVERED = Action(
    "mark-delivered", _("Mark delivered"),
    _("Have these orders reached their customers? This cannot be undone."),
    ("commerce.change_order",), row_of(Order), orders.mark_delivered, _("Orders marked delivered"),
    _("Orders that are not paid, or delivered already"), Question, named=_named,
    offered=lambda order: order.status == OrderStatus.PAID,
)  # fmt: skip
CANCEL = Action(
    "cancel", _("Cancel for the customer"),
    _("Do the customers no longer want these orders? An open payment is cancelled at the provider first; a customer "
      "who has paid meanwhile still gets the order. This cannot be undone."),
    ("commerce.change_order",), row_of(Order), orders.cancel_on_behalf, _("Orders cancelled for the customer"),
    _("Orders that no longer await payment, whose money has arrived, or that are being cancelled already"),
    Reason, named=_named, offered=_can_be_cancelled,
)  # fmt: skip
CLEAR_ATTENTION = Action(
    "clear-attention", _("It has been looked at"),
    _("Is the problem of these orders resolved? Say what was done."),
    ("commerce.change_order",), row_of(Order), orders.clear_attention, _("Orders that a person has looked at"),
    _("Orders that need no attention"), Reason, named=_named, offered=lambda order: bool(order.attention_note),
)  # fmt: skip

OF_ORDERS = (ACCEPT, GIVE_BACK, LEAVE, MARK_DELIVERED, CANCEL, CLEAR_ATTENTION)

# --- attention, beside that of billing's rows ------------------------------------------------------------------------


def attention_list(limit: int) -> list[Item]:
    """The newest orders with an attention note."""
    return [
        item(
            row,
            OF_ORDERS,
            row.public_id,
            row.placed_at,
            gettext("order %(status)s") % {"status": row.get_status_display()},
            row.attention_note,
        )
        for row in orders.ATTENTIVE_ORDERS.rows()[:limit]
    ]
