"""Do the provider and we say the same of a payment? Every rule, in memory."""

from dataclasses import replace
from typing import Any

import pytest

from billing.models import Difference, Payment
from billing.money import Money
from billing.providers.base import PaymentSnapshot
from billing.reconciliation.compare import Discrepancy, compare, missing, unknown
from billing.states import Status

Kind = Difference.Kind

OPEN = ["created", "pending", "authorized"]
UNPAID = ["canceled", "expired", "failed"]


def ours(status: str = "succeeded", **facts: object) -> Payment:
    """4.50 EUR for the order o-1."""
    row = {"provider_ref": "p-1", "reference": "o-1", "amount_minor": 450, "currency": "EUR", "status": status}
    return Payment(**{**row, **facts})


def theirs(status: str | None = "succeeded", **facts: object) -> PaymentSnapshot:
    """The same, as the provider says it."""
    same = PaymentSnapshot(
        status=Status(status) if status else None,
        raw_status=status or "levitating",
        provider_ref="p-1",
        amount=Money(450, "EUR"),
        reference="o-1",
    )
    return replace(same, **facts)  # type: ignore[arg-type]


def differences(payment: Payment, answer: PaymentSnapshot, refunded_minor: int = 0) -> list[Discrepancy]:
    return list(compare(payment, answer, refunded_minor))


# --- the state -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [*OPEN, "succeeded"])
def test_the_same_state_is_no_difference(status: str) -> None:
    """Nor is anything else of it."""
    assert differences(ours(status), theirs(status)) == []


@pytest.mark.parametrize("here", UNPAID)
@pytest.mark.parametrize("there", UNPAID)
def test_ends_without_money_are_all_the_same(here: str, there: str) -> None:
    """What we call expired was cancelled there, by us."""
    assert differences(ours(here), theirs(there)) == []


@pytest.mark.parametrize(
    ("here", "there", "mendable"),
    [
        *[(status, "succeeded", True) for status in (*OPEN, *UNPAID)],
        *[(status, "canceled", True) for status in OPEN],
        ("pending", "authorized", True),
        ("succeeded", "canceled", False),
        ("succeeded", "pending", False),
        ("canceled", "pending", False),
        ("failed", "authorized", False),
    ],
)
def test_what_may_still_follow_an_arrow_may_be_mended(here: str, there: str, mendable: bool) -> None:
    """An open payment, and money that came late; the rest is for a person."""
    payment = ours(here)

    (found,) = differences(payment, theirs(there))

    assert found == Discrepancy(Kind.STATUS, "p-1", "o-1", here, there, payment, mendable=mendable)


def test_a_word_that_we_do_not_know_is_repeated() -> None:
    """A person must see what the provider said."""
    (found,) = differences(ours(), theirs(None))

    assert (found.theirs, found.mendable) == ("'levitating', an unknown status", False)


# --- the amount and the reference ------------------------------------------------------------------------------------


@pytest.mark.parametrize("amount", [Money(449, "EUR"), Money(451, "EUR"), Money(450, "USD")])
def test_another_amount_is_a_difference(amount: Money) -> None:
    """To the unit, and in its currency; no look mends it."""
    payment = ours()

    (found,) = differences(payment, theirs(amount=amount))

    assert found == Discrepancy(Kind.AMOUNT, "p-1", "o-1", "4.50 EUR", str(amount), payment, mendable=False)


def test_what_a_person_has_accepted_is_the_amount() -> None:
    """And while nobody has, what we asked for is."""
    came: dict[str, Any] = {"received_minor": 451, "received_currency": "EUR"}

    assert differences(ours(**came), theirs(amount=Money(451, "EUR"))) == []
    (found,) = differences(ours("pending", **came), theirs("pending", amount=Money(451, "EUR")))
    assert (found.kind, found.ours) == (Kind.AMOUNT, "4.50 EUR")


@pytest.mark.parametrize("status", UNPAID)
@pytest.mark.parametrize("held", [1, 451])
def test_what_was_given_back_is_no_difference(status: str, held: int) -> None:
    """Here it came to nothing and there it has succeeded: a person has decided about that very money."""
    came: dict[str, Any] = {"received_minor": 451, "received_currency": "EUR", "refunds_minor": held}

    assert differences(ours(status, **came), theirs(amount=Money(451, "EUR"))) == []


def test_other_money_than_was_given_back_is_a_difference() -> None:
    """So is the same money while no refund holds it, and the word of a provider that it never came."""
    came: dict[str, Any] = {"received_minor": 451, "received_currency": "EUR"}
    given_back = ours("failed", **came, refunds_minor=1)

    amount, status = differences(given_back, theirs(amount=Money(452, "EUR")))
    assert (amount.kind, amount.ours, status.kind) == (Kind.AMOUNT, "4.51 EUR", Kind.STATUS)
    amount, status = differences(ours("failed", **came), theirs(amount=Money(451, "EUR")))
    assert (amount.kind, amount.ours, status.kind) == (Kind.AMOUNT, "4.50 EUR", Kind.STATUS)
    (status,) = differences(given_back, theirs("pending", amount=Money(451, "EUR")))
    assert status.kind == Kind.STATUS


def test_another_reference_is_a_difference() -> None:
    """The money may be for something else."""
    payment = ours()

    (found,) = differences(payment, theirs(reference="o-2"))

    assert found == Discrepancy(Kind.REFERENCE, "p-1", "o-2", "o-1", "o-2", payment, mendable=False)


# --- what went back --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("there", [100, 150, 200])
def test_what_is_on_its_way_back_may_be_there_or_not(there: int) -> None:
    """1.00 EUR is through, and 1.00 EUR under way."""
    assert differences(ours(refunds_minor=200), theirs(refunded_minor=there), refunded_minor=100) == []


@pytest.mark.parametrize("there", [0, 99, 201, 450])
def test_less_than_is_through_and_more_than_was_wanted_is_a_difference(there: int) -> None:
    """Somebody has given back elsewhere, or what we believe went back did not."""
    payment = ours(refunds_minor=200)

    (found,) = differences(payment, theirs(refunded_minor=there), refunded_minor=100)

    assert found == Discrepancy(
        Kind.REFUNDS, "p-1", "o-1", "1.00 EUR", str(Money(there, "EUR")), payment, mendable=False
    )


def test_everything_that_differs_is_found() -> None:
    """Not only the first of it."""
    answer = theirs("canceled", amount=Money(1, "EUR"), reference="x", refunded_minor=1)

    kinds = [found.kind for found in differences(ours(), answer)]

    assert kinds == [Kind.AMOUNT, Kind.REFERENCE, Kind.STATUS, Kind.REFUNDS]


# --- on one side only ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [*UNPAID, "pending"])
def test_what_only_they_know_and_no_money_moved_in_is_not_ours_to_judge(status: str) -> None:
    """Unless some of it went back: then some came."""
    assert unknown(theirs(status)) is None
    assert unknown(theirs(status, refunded_minor=1)) is not None


@pytest.mark.parametrize(("status", "word"), [("succeeded", "succeeded"), ("authorized", "authorized")])
def test_money_that_only_they_know_of_is_a_difference(status: str, word: str) -> None:
    assert unknown(theirs(status)) == Discrepancy(Kind.UNKNOWN, "p-1", "o-1", theirs=f"{word}, 4.50 EUR")


def test_a_word_we_do_not_know_may_mean_money() -> None:
    """So it is a difference."""
    found = unknown(theirs(None))

    assert found is not None
    assert found.theirs == "'levitating', an unknown status, 4.50 EUR"


def test_what_only_we_know_is_a_difference_unless_it_came_to_nothing() -> None:
    """A provider forgets what nobody paid."""
    for status in UNPAID:
        assert missing(ours(status), "HTTP 404") is None
    for status in (*OPEN, "succeeded"):
        payment = ours(status)
        found = missing(payment, "HTTP 404")
        assert found == Discrepancy(Kind.MISSING, "p-1", "", f"{status}, 4.50 EUR", "HTTP 404", payment)
        assert not found.mendable
