"""What the shop's people can decide about an order: its delivery, its end, and money that it did not wait for."""

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from billing.admin.resolutions import MoneyForm
from commerce import late_payments, orders
from commerce.models import Order, OrderEvent, OrderStatus
from config.actions import Action, Question, Reason, Subject, row_of


class LateMoneyForm(MoneyForm):
    """Which of the payments that wait; there is hardly ever more than one."""

    payment = forms.TypedChoiceField(coerce=int, label=_("Payment"))
    field_order = ("payment", "why")

    def __init__(self, subjects: Sequence[Subject], data: Mapping[str, Any] | None = None) -> None:
        super().__init__(subjects, data)
        order: Any = subjects[0].row
        choices = [(payment.pk, str(payment)) for payment in late_payments.waiting(order)]
        # A second click finds nothing waiting any more; the key tells that it is the same.
        sent = str((data or {}).get("payment", ""))
        known = [(int(sent), sent)] if sent.isdecimal() and len(sent) < 19 else []
        self.fields["payment"] = forms.TypedChoiceField(coerce=int, label=_("Payment"), choices=choices or known)


def _has_late_money(order: Order) -> bool:
    return bool(late_payments.waiting(order))


def _can_be_cancelled(order: Order) -> bool:
    asked = order.events.filter(kind=OrderEvent.Kind.CANCEL_ASKED)
    return order.status == OrderStatus.AWAITING_PAYMENT and not asked.exists()


def _named(order: Any) -> str:
    return f"{order.public_id}: {order.get_status_display()}, {order.name}, {order.total}"


ACCEPT, GIVE_BACK, LEAVE = (
    Action(
        "accept", _("Take the order up again"),
        _("The money counts, and the order is paid. Its goods are put aside, if they are still there."),
        ("commerce.change_order",), row_of(Order),
        lambda order, by, why, key, payment: late_payments.accept(order, payment, by, why),
        _("Orders taken up again"), form=LateMoneyForm,
        offered=lambda order: not order.was_paid and _has_late_money(order), named=_named,
    ),
    Action(
        "give-back", _("Give the money back"),
        _("All of it goes back to the customer; the order stays as it is."),
        ("billing.add_refund",), row_of(Order),
        lambda order, by, why, key, payment: late_payments.give_back(order, payment, by, why, key),
        _("Late payments given back"), form=LateMoneyForm,
        offered=_has_late_money, named=_named,
    ),
    Action(
        "leave", _("Leave it waiting"),
        _("Nothing happens to the money; the order still needs a person, with your reason."),
        ("commerce.change_order",), row_of(Order),
        lambda order, by, why, key, payment: late_payments.keep_parked(order, payment, by, why),
        _("Late payments left waiting"), form=LateMoneyForm,
        offered=_has_late_money, named=_named,
    ),
)  # fmt: skip
MARK_DELIVERED = Action(
    "mark-delivered", _("Mark delivered"),
    _("These orders have reached their customers? This cannot be taken back."),
    ("commerce.change_order",), row_of(Order), orders.mark_delivered, _("Orders marked delivered"),
    _("Orders that are not paid, or delivered already"), Question, named=_named,
    offered=lambda order: order.status == OrderStatus.PAID,
)  # fmt: skip
CANCEL = Action(
    "cancel", _("Cancel for the customer"),
    _("The customers do not want these orders any more? A payment that is open is cancelled at the provider first; a "
      "customer who was quicker and has paid gets the order all the same. This cannot be taken back."),
    ("commerce.change_order",), row_of(Order), orders.cancel_on_behalf, _("Orders cancelled for the customer"),
    _("Orders that do not await payment any more, whose money is here, or that are being cancelled already"),
    Reason, named=_named, offered=_can_be_cancelled,
)  # fmt: skip
CLEAR_ATTENTION = Action(
    "clear-attention", _("It has been looked at"),
    _("The matter for which these orders need a person is settled? Say what was done about it."),
    ("commerce.change_order",), row_of(Order), orders.clear_attention, _("Orders that a person has looked at"),
    _("Orders that need no person to look"), Reason, named=_named, offered=lambda order: bool(order.attention_note),
)  # fmt: skip

OF_ORDERS = (ACCEPT, GIVE_BACK, LEAVE, MARK_DELIVERED, CANCEL, CLEAR_ATTENTION)
