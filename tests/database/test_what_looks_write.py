"""What a look writes, column by column, and what it leaves as it was."""

from dataclasses import replace
from uuid import uuid4

import pytest
from django.db.models import Q

from billing import mismatches
from billing.looks import CHECKS, Look, look, record
from billing.models import AskedBy, Payment
from billing.money import Money
from billing.providers import Answer
from billing.states import Status
from config.due import database_now
from tests.shop import Shop


def took(shop: Shop, value: str, currency: str = "EUR") -> Payment:
    """A payment for which the provider took something else than 4.50 EUR, looked at."""
    _, payment = shop.order()
    shop.sandbox.force(payment.provider_ref, "succeeded", "", {"value": value, "currency": currency})
    return shop.look(payment)


def says(shop: Shop, payment: Payment, **said: object) -> Payment:
    """Looked at once more, with this in the provider's answer."""
    CHECKS.make_due(Q(pk=payment.pk), AskedBy.CALLBACK)
    claimed = CHECKS.claim_one(payment.pk) or shop.fresh(payment)
    claimed.due_since, claimed.asked_by = database_now(), AskedBy.CALLBACK
    found = look(claimed, database_now())
    assert isinstance(found.outcome, Answer)
    record([Look(claimed, replace(found.outcome, **said))])  # type: ignore[arg-type]
    return shop.fresh(payment)


# --- what came -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [Status.CANCELED, Status.FAILED, Status.EXPIRED])
def test_what_was_accepted_stays_what_came(shop: Shop, status: Status) -> None:
    """A provider that takes success back is reported; the sum that a person has accepted is not forgotten for it."""
    payment = took(shop, "4.51")
    mismatches.accept(payment.pk, "olga", "fine")

    payment = says(shop, payment, status=status)

    assert (payment.status, payment.received) == (Status.SUCCEEDED, Money(451, "EUR"))


def test_what_goes_back_stays_in_the_currency_that_came(shop: Shop) -> None:
    """4.50 USD on their way back do not become 4.50 EUR because the provider calls the payment cancelled."""
    payment = took(shop, "4.50", "USD")
    refund = mismatches.give_back(payment.pk, "olga", "not our currency", uuid4().hex)

    payment = says(shop, payment, status=Status.CANCELED)

    assert (payment.received_minor, payment.received_currency, payment.refunds_minor) == (450, "USD", 450)
    assert shop.fresh(refund).amount == Money(450, "USD")


def test_what_nobody_has_decided_on_is_forgotten_when_it_is_gone(shop: Shop) -> None:
    """The provider has sent it back by itself: there is nothing left to accept or to give back."""
    payment = took(shop, "4.51")

    payment = says(shop, payment, status=Status.CANCELED)

    assert (payment.status, payment.received_minor, payment.received_currency) == (Status.CANCELED, None, "")


def test_the_right_sum_takes_the_place_of_the_one_that_was_accepted(shop: Shop) -> None:
    """The provider has corrected itself after all: its books and ours say the same."""
    payment = took(shop, "4.51")
    mismatches.accept(payment.pk, "olga", "fine")

    payment = says(shop, payment, amount=Money(450, "EUR"))

    assert (payment.status, payment.received_minor, payment.received) == (Status.SUCCEEDED, None, payment.amount)
