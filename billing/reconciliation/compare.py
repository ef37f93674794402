"""Compares one payment of ours with the provider's. Rules only: no database, no network."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from billing.models import Difference, Payment
from billing.money import Money
from billing.providers.base import PaymentSnapshot
from billing.states import UNPAID_END_STATES, Status

WITHOUT_MONEY = UNPAID_END_STATES | {Status.PENDING}
"""States without money. An unknown state is not among them: it may mean money."""


@dataclass(frozen=True)
class Discrepancy:
    """One difference; `mendable` if an ordinary check of the payment may settle it."""

    kind: Difference.Kind
    provider_ref: str
    reference: str = ""
    ours: str = ""
    theirs: str = ""
    payment: Payment | None = None
    mendable: bool = False


def compare(payment: Payment, answer: PaymentSnapshot, refunded_minor: int) -> Iterator[Discrepancy]:
    """All differences. `refunded_minor` is the sum of our own succeeded refunds.

    All end states without money count as equal: a payment that expired here was canceled there by us.
    """
    ours = _amount(payment)
    found = partial(Discrepancy, provider_ref=answer.provider_ref, reference=answer.reference, payment=payment)
    if answer.amount != ours:
        yield found(Difference.Kind.AMOUNT, ours=str(ours), theirs=str(answer.amount))
    if answer.reference != payment.reference:
        yield found(Difference.Kind.REFERENCE, ours=payment.reference, theirs=answer.reference)
    agree = payment.status == answer.status or {payment.status, answer.status} <= UNPAID_END_STATES
    if not agree and not _is_refunded(payment, answer):
        may_change = payment.is_open or answer.status == Status.SUCCEEDED  # the latter is a late payment
        yield found(Difference.Kind.STATUS, ours=payment.status, theirs=_word(answer), mendable=may_change)
    if not refunded_minor <= answer.refunded_minor <= payment.refunds_minor:
        refunded, theirs = Money(refunded_minor, ours.currency), Money(answer.refunded_minor, answer.amount.currency)
        yield found(Difference.Kind.REFUNDS, ours=str(refunded), theirs=str(theirs))


def unknown(answer: PaymentSnapshot) -> Discrepancy | None:
    """A payment that only the provider knows; None if it moved no money."""
    if answer.status in WITHOUT_MONEY and not answer.refunded_minor:
        return None
    theirs = f"{_word(answer)}, {answer.amount}"
    return Discrepancy(Difference.Kind.UNKNOWN, answer.provider_ref, answer.reference, theirs=theirs)


def missing(payment: Payment, answer: str) -> Discrepancy | None:
    """A payment that the provider does not know; None if it ended here without money."""
    if payment.status in UNPAID_END_STATES:
        return None
    return Discrepancy(
        Difference.Kind.MISSING, payment.provider_ref, ours=f"{payment.status}, {payment.amount}",
        theirs=answer, payment=payment,
    )  # fmt: skip


def _amount(payment: Payment) -> Money:
    """The amount of the payment; the received sum instead if it was accepted or is refunded."""
    decided = payment.status == Status.SUCCEEDED or payment.refunds_minor > 0
    return (decided and payment.received) or payment.amount


def _is_refunded(payment: Payment, answer: PaymentSnapshot) -> bool:
    """It succeeded there and failed here because its money is refunded; `compare` compares the refunds too."""
    return payment.refunds_minor > 0 and answer.status == Status.SUCCEEDED and answer.amount == payment.received


def _word(answer: PaymentSnapshot) -> str:
    return answer.status.value if answer.status else f"{answer.raw_status!r}, an unknown status"
