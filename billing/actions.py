"""What an operator can do: what moves no money, and what decides about money that waits for a person."""

import re
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import uuid4

from django import forms
from django.db.models import Q
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from billing import disputes, stakes
from billing.callbacks import inbox
from billing.limits import breaker
from billing.models import (
    AccountState,
    AskedBy,
    Attention,
    Callback,
    Difference,
    Dispute,
    Payment,
    Reconciliation,
    Refund,
)
from billing.money import Money
from billing.payments import mismatches
from billing.payments import service as payments
from billing.reconciliation import differences, runs
from billing.refunds import service as refunds
from billing.refunds.follow import REFUND_QUEUE
from billing.states import DisputeStatus, RefundStatus, Status
from config.actions import Action, Reason, Subject, row_of
from config.messaging.nudges import nudge


def _compare_again(run_id: int, by: str) -> None:
    run = Reconciliation.objects.get(pk=run_id)
    runs.compare_again(run.account, run.day)
    nudge("reconcile_payments")


CHECK_PAYMENT = Action(
    "check-payment", _("Check now"), _("The provider is asked at once."), ("billing.check_payment",),
    row_of(Payment), lambda payment_id, by: payments.check_now(Payment.objects.get(pk=payment_id), AskedBy.OPERATOR),
    _("Payments the provider is asked about now"),
    _("Payments that the provider never had"),
    offered=lambda payment: payment.is_open or payment.provider_ref != "",
)  # fmt: skip
CHECK_REFUND = Action(
    "check-refund", _("Check now"), _("The provider is asked at once."), ("billing.check_refund",),
    row_of(Refund), lambda refund_id, by: REFUND_QUEUE.make_due(Q(pk=refund_id), AskedBy.OPERATOR),
    _("Refunds the provider is asked about now"),
    _("Refunds whose outcome is known already"), offered=lambda refund: refund.is_open,
)  # fmt: skip
REPLAY = Action(
    "replay", _("Process again"),
    _("As if they had just come, forged ones too: all that can happen is a question to the provider."),
    ("billing.change_callback",), row_of(Callback, "body"), inbox.replay,
    _("Callbacks that are processed again now"), _("Callbacks whose body is deleted"),
)  # fmt: skip
COMPARE_AGAIN = Action(
    "compare-again", _("Compare again"), _("The day comes due now, however long ago it was compared."),
    ("billing.change_reconciliation",), row_of(Reconciliation), _compare_again, _("Days that are compared now"),
)  # fmt: skip
OPEN_BREAKER = Action(
    "open-breaker", _("Ask nothing"),
    _("Nothing is asked of this provider, not even a probe, until a person closes the breaker again. Payments stay "
      "open meanwhile; their customers wait."),
    ("billing.change_accountstate",), row_of(AccountState), breaker.open_by_hand, _("Breakers opened by hand"),
    _("Opened by hand already"), Reason, stops=True,
)  # fmt: skip
CLOSE_BREAKER = Action(
    "close-breaker", _("Ask again"),
    _("Calls pass at once, no matter who opened the breaker; a pause the provider asked for ends too."),
    ("billing.change_accountstate",), row_of(AccountState), breaker.close_by_hand, _("Breakers closed by hand"),
    form=Reason,
)  # fmt: skip


# --- money that waits for a person -----------------------------------------------------------------------------------


class MoneyForm(Reason):
    """Carries a key that was made when the form was shown: a second click is the same click, and does nothing more."""

    key = forms.CharField(widget=forms.HiddenInput, initial=lambda: uuid4().hex, max_length=32, min_length=32)


_GROUPED = re.compile(r"\d{1,3}([ \u00a0\u2009\u202f]\d{3})+(?=[.,]|$)", re.ASCII)
"""Digits in groups of three, as people write thousands."""


class AmountInput(forms.TextInput):
    """The currency stands beside the field."""

    currency = ""

    def render(self, *args: Any, **options: Any) -> SafeString:
        return format_html("{} {}", super().render(*args, **options), self.currency)


class AmountField(forms.CharField):
    """An amount above 0 in one currency, as people write it: `4.50`, `4,50`, `1 234,50`."""

    widget = AmountInput

    def __init__(self, currency: str = "", **options: Any) -> None:
        super().__init__(max_length=20, label=_("Amount"), **options)
        self.currency = self.widget.currency = currency
        self.widget.attrs["inputmode"] = "decimal"

    def clean(self, value: Any) -> Money:
        """Raises ValidationError for what is no amount in the currency."""
        written = super().clean(value)
        if grouped := _GROUPED.match(written):
            written = re.sub(r"\s", "", grouped[0]) + written[grouped.end() :]
        try:
            amount = Money.parse(written.replace(",", "."), self.currency)
        except ValueError:
            example = {"currency": self.currency, "example": Money(1250, self.currency).value}
            raise forms.ValidationError(
                gettext("Please write an amount in %(currency)s, like %(example)s.") % example
            ) from None
        if amount.minor <= 0:
            raise forms.ValidationError(_("An amount above 0."))
        return amount


class RefundForm(MoneyForm):
    """How much of what is left."""

    amount = AmountField()
    field_order = ("amount", "why")

    def __init__(self, subjects: Sequence[Subject], data: Mapping[str, Any] | None = None) -> None:
        super().__init__(subjects, data)
        row: Any = subjects[0].row
        payment = self.payment_of(row)
        left = (payment and payment.left) or Money(0, row.currency)
        text = gettext("Left: %(left)s") % {"left": left.localized()}
        self.fields["amount"] = AmountField(left.currency, initial=left.value, help_text=text)

    def payment_of(self, row: Any) -> Payment | None:
        """The payment whose money goes back; None: there is none, and the refund is refused."""
        return row  # type: ignore[no-any-return]


class CameForm(Reason):
    """How much came, as the provider's own pages say."""

    came = AmountField()
    field_order = ("came", "why")

    def __init__(self, subjects: Sequence[Subject], data: Mapping[str, Any] | None = None) -> None:
        super().__init__(subjects, data)
        payment: Any = subjects[0].row
        self.fields["came"] = AmountField(payment.currency)


def refund(payment_id: int, by: str, why: str, key: str, amount: Money) -> Refund:
    """An operator gives this amount back. Raises CannotRefund."""
    return refunds.start(payment_id, amount, wanted_by=by, why=why, key=key)


def _refund_told(_about: Subject, started: Refund) -> str:
    """The provider answers later; a second click may find the end."""
    what = gettext("The refund of %(amount)s is done.")
    if started.status != RefundStatus.SUCCEEDED:
        what = gettext("A refund of %(amount)s has started. Its outcome appears here.")
    return what % {"amount": started.amount.localized()}


def _answer_told(_about: Subject, dispute: Dispute) -> str:
    text = gettext("The dispute about %(amount)s is marked as answered. The provider's decision appears here.")
    return text % {"amount": dispute.amount.localized()}


def _waits_for_decision(payment: Payment) -> bool:
    return payment.received_minor is not None and payment.status != Status.SUCCEEDED


def _can_be_accepted(payment: Payment) -> bool:
    return _waits_for_decision(payment) and payment.received_currency == payment.currency and not payment.refunds_minor


def _waits_without_money(payment: Payment) -> bool:
    return payment.is_open and payment.attention != Attention.NONE and payment.received is None


def _can_go_back(payment: Payment) -> bool:
    return payment.left is not None and payment.left.minor > 0 and not disputes.undecided(payment)


REFUND = Action(
    "refund", _("Refund"),
    _("The money goes back to the customer, all of it or a part; the seller decides what becomes of the goods."),
    ("billing.add_refund",), row_of(Payment), refund, _("Refunds begun"), form=RefundForm, one_by_one=True,
    stake=stakes.refund, told=_refund_told,
    offered=lambda payment: payment.status == Status.SUCCEEDED and _can_go_back(payment),
)  # fmt: skip
OF_PAYMENTS = (
    CHECK_PAYMENT,
    REFUND,
    Action(
        "accept", _("Accept what came"), _("The payment succeeds with what came instead of what was asked for."),
        ("billing.decide_payment",), row_of(Payment), mismatches.accept, _("Payments accepted with what came"),
        form=Reason, stake=stakes.all_of, offered=_can_be_accepted,
    ),
    Action(
        "give-back", _("Give back all that came"),
        _("Everything that came goes back, the payment has failed, and the customer may try again."),
        ("billing.add_refund",), row_of(Payment), mismatches.give_back, _("Payments given back"), form=MoneyForm,
        stake=stakes.all_of, offered=lambda payment: _waits_for_decision(payment) and _can_go_back(payment),
    ),
    Action(
        "close", _("Close, because no money came"),
        _("Make sure in the provider's own pages that no money came with this payment. It is cancelled then."),
        ("billing.decide_payment",), row_of(Payment), mismatches.close, _("Payments closed without money"),
        form=Reason, stake=stakes.all_of, offered=_waits_without_money,
    ),
    Action(
        "confirm", _("Money came"),
        _("Make sure in the provider's own pages that money came with this payment, and how much. It succeeds with "
          "that."),
        ("billing.decide_payment",), row_of(Payment), mismatches.confirm, _("Payments confirmed"),
        form=CameForm, one_by_one=True, stake=stakes.confirm, offered=_waits_without_money,
    ),
    Action(
        "note-difference", _("Note the difference"),
        _("Compare what went back with the provider's own pages, and see to it there. Our books stay as they are."),
        ("billing.decide_payment",), row_of(Payment), mismatches.note_difference, _("Differences noted"), form=Reason,
        stake=stakes.all_of,
        offered=lambda payment: not payment.is_open and payment.attention == Attention.REFUNDS_DIFFER,
    ),
)  # fmt: skip
OF_REFUNDS = (
    CHECK_REFUND,
    # A refund that was sent cannot be taken back: this is for one of which it is not known whether it was.
    Action(
        "give-up", _("Give up, because it was not carried out"),
        _("Make sure in the provider's own pages that this refund was not carried out. What it holds is free again "
          "then."),
        ("billing.decide_refund",), row_of(Refund), refunds.give_up, _("Refunds given up"), form=Reason,
        stake=stakes.of_refund, offered=lambda refund: refund.is_open and refund.attention != Attention.NONE,
    ),
    Action(
        "confirm", _("It was carried out"),
        _("Make sure in the provider's own pages that this refund was carried out."),
        ("billing.decide_refund",), row_of(Refund), refunds.confirm, _("Refunds confirmed"), form=Reason,
        stake=stakes.of_refund, offered=lambda refund: refund.is_open and refund.attention != Attention.NONE,
    ),
    Action(
        "note-returned", _("The returned money is seen to"),
        _("The customer's bank sent the money back. Say how the customer gets it: by another refund, or outside of "
          "the provider."),
        ("billing.decide_refund",), row_of(Refund), refunds.note_returned, _("Returned refunds seen to"), form=Reason,
        stake=stakes.of_refund, offered=lambda refund: refund.attention == Attention.RETURNED,
    ),
)  # fmt: skip
OF_DISPUTES = (
    Action(
        "answered", _("Answered"),
        _("Say what was done in the provider's own pages: which evidence was sent, or that it was accepted. The "
          "provider decides; its decision appears here."),
        ("billing.decide_dispute",), row_of(Dispute), disputes.answered, _("Disputes answered"),
        form=Reason, offered=lambda dispute: dispute.status == DisputeStatus.OPEN and not dispute.answered_by,
        told=_answer_told,
    ),
)  # fmt: skip
OF_DIFFERENCES = (
    Action(
        "resolve", _("Resolved, with a reason"),
        _("Say what was done about these. A difference comes back if the provider says something else of it later."),
        ("billing.resolve_difference",), row_of(Difference), differences.resolve, _("Differences resolved"),
        _("Differences that do not wait for a person"), Reason, named=lambda found: f"{found}; {found.sides}",
        offered=lambda found: found.state == Difference.State.PARKED,
    ),
)  # fmt: skip
