"""What an operator can do about money that an order was not waiting for."""

from collections.abc import Mapping
from typing import Any

from django import forms

from billing.admin.ways_out import WayOut, WhyForm
from billing.refunds.follow import CannotRefund
from commerce import late_payments
from commerce.late_payments import CannotDecide
from commerce.models import Order

REFUSALS = (CannotDecide, CannotRefund)


class WhichMoneyForm(WhyForm):
    """Which of the payments that wait; there is hardly ever more than one."""

    payment = forms.TypedChoiceField(coerce=int)
    field_order = ("payment", "why")

    def __init__(self, row: Order, data: Mapping[str, Any] | None = None) -> None:
        super().__init__(row, data)
        choices = [(payment.pk, str(payment)) for payment in late_payments.waiting(row)]
        # A second click finds nothing waiting any more; the key tells that it is the same.
        sent = str((data or {}).get("payment", ""))
        known = [(int(sent), sent)] if sent.isdecimal() and len(sent) < 19 else []
        self.fields["payment"] = forms.TypedChoiceField(coerce=int, choices=choices or known)


def _is_offered(order: Order) -> bool:
    return bool(late_payments.waiting(order))


OF_ORDERS = (
    WayOut(
        "accept",
        "Take the order up again",
        "The money counts, and the order is paid. Its goods are put aside, if they are still there.",
        "commerce.change_order",
        lambda order: not order.was_paid and _is_offered(order),
        lambda order, by, form: late_payments.accept(order.pk, form["payment"], by, form["why"]),
        REFUSALS,
        WhichMoneyForm,
    ),
    WayOut(
        "give-back",
        "Give the money back",
        "All of it goes back to the customer; the order stays as it is.",
        "billing.add_refund",
        _is_offered,
        lambda order, by, form: late_payments.give_back(order.pk, form["payment"], by, form["why"], form["key"]),
        REFUSALS,
        WhichMoneyForm,
    ),
    WayOut(
        "leave",
        "Leave it waiting",
        "Nothing happens to the money; the order goes on asking for a person, with your reason.",
        "commerce.change_order",
        _is_offered,
        lambda order, by, form: late_payments.keep_parked(order.pk, form["payment"], by, form["why"]),
        REFUSALS,
        WhichMoneyForm,
    ),
)
