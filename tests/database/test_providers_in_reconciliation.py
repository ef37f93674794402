"""What the nightly comparison makes of the lists of real providers: rows that name parts, say little, or are broken."""

from collections.abc import Iterator

import pytest
from pytest_django.fixtures import Settings

from billing.models import Difference, Payment, Reconciliation, Refund
from billing.providers.fields import utc
from billing.reconciliation import runs
from billing.states import Status
from config.due.queue import database_now
from tests.books import noon
from tests.conformance.cases.case import StandInCase
from tests.conformance.cases.paypal import PayPalCase
from tests.conformance.cases.stripe import StripeCase
from tests.database.test_providers_in_checks import look, only_provider, start

pytestmark = [pytest.mark.sqlite_is_enough, pytest.mark.usefixtures("night")]


@pytest.fixture
def paypal(settings: Settings) -> Iterator[PayPalCase]:
    case = PayPalCase()
    with only_provider(case, settings):
        yield case


@pytest.fixture
def stripe(settings: Settings) -> Iterator[StripeCase]:
    case = StripeCase()
    with only_provider(case, settings):
        yield case


def paid(case: StandInCase) -> Payment:
    """A payment that has succeeded, here and there."""
    payment = start(case)
    case.say(payment.provider_ref, case.paid)
    return look(payment)


def compared(case: StandInCase) -> Reconciliation:
    """All that was made was made at noon yesterday; that day is compared with the provider's list."""
    at = noon()
    Payment.objects.update(created_at=at)
    for row in case.the_book.payments.values():
        times = {"create_time": utc(at, "seconds"), "created": int(at.timestamp())}
        row |= {name: moment for name, moment in times.items() if name in row}
    return runs.reconcile(case.provider, at.date())


@pytest.mark.parametrize("known", ["the capture", "the reference only"])
def test_a_row_without_the_orders_id_is_matched(paypal: PayPalCase, known: str) -> None:
    """By the id of its capture, which we have learnt, or by our reference in it: nothing is parked."""
    payment = paid(paypal)
    if known == "the reference only":
        payment.provider_ids.all().delete()
    paypal.stand_in.lists_orders = False

    run = compared(paypal)

    assert (run.there, run.here, run.error) == (1, 1, "")
    assert not Difference.objects.exists()


def test_a_strangers_row_without_an_orders_id_is_still_money_that_nobody_knows(paypal: PayPalCase) -> None:
    """Neither its capture nor its reference is ours."""
    payment = paid(paypal)
    paypal.row(payment.provider_ref)["purchase_units"][0]["custom_id"] = "of-another-shop"
    Payment.objects.filter(pk=payment.pk).update(provider_ref="5O-ANOTHER")
    payment.provider_ids.all().delete()
    paypal.stand_in.lists_orders = False

    compared(paypal)

    kinds = set(Difference.objects.values_list("kind", flat=True))
    assert Difference.Kind.UNKNOWN in kinds


def test_a_payment_that_was_fully_reversed_is_asked_about(paypal: PayPalCase) -> None:
    """The list says V, and not by what: the order tells of the refund, which is recorded."""
    payment = paid(paypal)
    unit = paypal.row(payment.provider_ref)["purchase_units"][0]
    capture = unit["payments"]["captures"][0]
    paypal.say(payment.provider_ref, "COMPLETED/REFUNDED")
    made = {"id": "1RF", "status": "COMPLETED", "amount": capture["amount"], "create_time": utc(noon(), "seconds")}
    unit["payments"]["refunds"] = [made]

    compared(paypal)

    assert Refund.objects.get().amount == payment.amount
    assert not Difference.objects.exclude(state=Difference.State.MENDED).exists()


@pytest.mark.parametrize("shared", [False, True])
def test_an_unreadable_row_costs_only_itself(stripe: StripeCase, settings: Settings, shared: bool) -> None:
    """It is counted, late money of ours beside it is found, and what cost nothing is no money."""
    settings.RECONCILIATION_SHARED_ACCOUNTS = {"stripe"} if shared else set()
    late = start(stripe)
    Payment.objects.filter(pk=late.pk).update(window_ends_at=database_now())
    assert look(late).status == Status.EXPIRED
    stripe.say(late.provider_ref, stripe.paid)
    stripe.stand_in.put_other_uses(stripe.the_book)
    broken = start_broken(stripe)

    run = compared(stripe)

    assert (run.error, run.unreadable) == ("", 1)
    assert Payment.objects.get(pk=late.pk).status == Status.SUCCEEDED
    assert not Difference.objects.filter(kind=Difference.Kind.UNKNOWN).exclude(provider_ref=broken).exists()


def start_broken(case: StripeCase) -> str:
    """A session of somebody else that lacks what the contract promises."""
    case.stand_in.put_other_uses(case.the_book)
    ref = list(case.the_book.payments)[-1]
    case.the_book.payments[ref] |= {"amount_total": 500, "currency": None, "payment_status": "paid"}
    return ref
