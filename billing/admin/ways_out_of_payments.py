"""What an operator can do about a payment, and about a refund."""

from typing import Any

from django import forms

from billing.admin.ways_out import WayOut, WhyForm
from billing.models import Attention, Payment
from billing.money import Money
from billing.payments import mismatches
from billing.payments.mismatches import CannotDecide
from billing.refunds import follow as refunds
from billing.refunds.follow import CannotRefund
from billing.states import Status

REFUSALS = (CannotDecide, CannotRefund)


class RefundForm(WhyForm):
    """How much; nothing means all that is left."""

    amount = forms.CharField(max_length=20, required=False, help_text="Like 12.50; empty: all that is left.")
    field_order = ("amount", "why")

    def clean_amount(self) -> Money | None:
        """In the currency that came."""
        value, left = self.cleaned_data["amount"], self.row.left
        if not value or left is None:
            return None
        try:
            return Money.parse(value, left.currency)
        except ValueError as error:
            raise forms.ValidationError(str(error)) from None


def _refund(payment: Payment, by: str, form: dict[str, Any]) -> None:
    refunds.start(payment.pk, form["amount"], wanted_by=by, why=form["why"], key=form["key"])


def _waits_for_decision(payment: Payment) -> bool:
    return payment.received_minor is not None and payment.status != Status.SUCCEEDED


def _can_be_accepted(payment: Payment) -> bool:
    return _waits_for_decision(payment) and payment.received_currency == payment.currency and not payment.refunds_minor


OF_PAYMENTS = (
    WayOut(
        "refund",
        "Refund",
        "The money goes back to the customer, all of it or a part; whoever sold decides what becomes of the goods.",
        "billing.add_refund",
        lambda payment: payment.status == Status.SUCCEEDED and payment.left.minor > 0,
        _refund,
        REFUSALS,
        RefundForm,
    ),
    WayOut(
        "accept",
        "Accept what came",
        "The payment succeeds with what came instead of what was asked for.",
        "billing.change_payment",
        _can_be_accepted,
        lambda payment, by, form: mismatches.accept(payment.pk, by, form["why"]),
        REFUSALS,
    ),
    WayOut(
        "give-back",
        "Give back all that came",
        "Everything that came goes back, the payment has failed, and the customer may try again.",
        "billing.add_refund",
        lambda payment: _waits_for_decision(payment) and payment.left.minor > 0,
        lambda payment, by, form: mismatches.give_back(payment.pk, by, form["why"], form["key"]),
        REFUSALS,
    ),
    WayOut(
        "close",
        "Close, because no money came",
        "Make sure in the provider's own pages that no money came with this payment. It is called off then.",
        "billing.change_payment",
        lambda payment: payment.is_open and payment.attention == Attention.MISMATCH and payment.received is None,
        lambda payment, by, form: mismatches.close(payment.pk, by, form["why"]),
        REFUSALS,
    ),
    WayOut(
        "note-difference",
        "Note the difference",
        "Compare what went back with the provider's own pages, and see to it there. Our books stay as they are.",
        "billing.change_payment",
        lambda payment: not payment.is_open and payment.attention == Attention.REFUNDS_DIFFER,
        lambda payment, by, form: mismatches.note_difference(payment.pk, by, form["why"]),
        REFUSALS,
    ),
)

OF_REFUNDS = (
    WayOut(
        "give-up",
        "Give up, because it was not carried out",
        "Make sure in the provider's own pages that this refund was not carried out. What it holds is free again then.",
        "billing.add_refund",
        lambda refund: refund.is_open and refund.attention in refunds.GIVEN_UP_FROM,
        lambda refund, by, form: refunds.give_up(refund.pk, by, form["why"]),
        REFUSALS,
    ),
)
"""A refund that was sent cannot be called back: this is for one of which nobody knows whether it was."""
