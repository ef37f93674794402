"""Do the provider and we say the same of a payment? A question of rules alone: no database, no network."""

from collections.abc import Iterator
from dataclasses import dataclass

from billing.models import Difference, Payment
from billing.money import Money
from billing.providers import PaymentSnapshot
from billing.states import UNPAID_END_STATES, Status

WITHOUT_MONEY = UNPAID_END_STATES | {Status.PENDING}
"""A state that we cannot read may well mean money."""


@dataclass(frozen=True)
class Discrepancy:
    """One difference; `mendable` if an ordinary look at the payment is what it needs."""

    kind: Difference.Kind
    provider_ref: str
    reference: str = ""
    ours: str = ""
    theirs: str = ""
    payment: Payment | None = None
    mendable: bool = False


def compare(payment: Payment, answer: PaymentSnapshot, refunded_minor: int) -> Iterator[Discrepancy]:
    """Everything that differs. `refunded_minor` is what our own refunds have certainly brought back to the customer.

    Ends without money are all the same here: what we call expired was cancelled there, by us.
    """
    ours = _amount(payment)
    if answer.amount != ours:
        yield _found(Difference.Kind.AMOUNT, payment, answer, str(ours), str(answer.amount))
    if answer.reference != payment.reference:
        yield _found(Difference.Kind.REFERENCE, payment, answer, payment.reference, answer.reference)
    if not _same_end(Status(payment.status), answer.status) and not _goes_back(payment, answer):
        mendable = _is_mendable(payment, answer)
        yield _found(Difference.Kind.STATUS, payment, answer, payment.status, _word(answer), mendable=mendable)
    if not refunded_minor <= answer.refunded_minor <= payment.refunds_minor:
        back, theirs = Money(refunded_minor, ours.currency), Money(answer.refunded_minor, answer.amount.currency)
        yield _found(Difference.Kind.REFUNDS, payment, answer, str(back), str(theirs))


def unknown(answer: PaymentSnapshot) -> Discrepancy | None:
    """A payment that only the provider knows; None if no money has moved in it."""
    if answer.status in WITHOUT_MONEY and not answer.refunded_minor:
        return None
    theirs = f"{_word(answer)}, {answer.amount}"
    return Discrepancy(Difference.Kind.UNKNOWN, answer.provider_ref, answer.reference, theirs=theirs)


def missing(payment: Payment, answer: str) -> Discrepancy | None:
    """A payment that the provider says it does not know; None if it ended here without money, too."""
    if payment.status in UNPAID_END_STATES:
        return None
    return Discrepancy(
        Difference.Kind.MISSING, payment.provider_ref, ours=f"{payment.status}, {payment.amount}",
        theirs=answer, payment=payment,
    )  # fmt: skip


def _found(
    kind: Difference.Kind, payment: Payment, answer: PaymentSnapshot, ours: str, theirs: str, *, mendable: bool = False
) -> Discrepancy:
    return Discrepancy(kind, answer.provider_ref, answer.reference, ours, theirs, payment, mendable)


def _amount(payment: Payment) -> Money:
    """What we asked for; or what came instead, once it was accepted or is given back."""
    decided = payment.status == Status.SUCCEEDED or payment.refunds_minor > 0
    return (decided and payment.received) or payment.amount


def _goes_back(payment: Payment, answer: PaymentSnapshot) -> bool:
    """There it has succeeded; here it came to nothing, because that very money is held by refunds, compared below."""
    return payment.refunds_minor > 0 and answer.status == Status.SUCCEEDED and answer.amount == payment.received


def _same_end(ours: Status, theirs: Status | None) -> bool:
    return ours == theirs or (ours in UNPAID_END_STATES and theirs in UNPAID_END_STATES)


def _is_mendable(payment: Payment, answer: PaymentSnapshot) -> bool:
    """Whatever may still follow an arrow: an open payment, and money that came late."""
    return payment.is_open or answer.status == Status.SUCCEEDED


def _word(answer: PaymentSnapshot) -> str:
    return answer.status.value if answer.status else f"{answer.raw_status!r}, a word we do not know"
