"""What looks make of the real providers' ways: who lets nobody cancel, and who wants a second call."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.db.models import F, Q
from pytest_django.fixtures import Settings

from billing.callbacks import inbox
from billing.models import Advice, AskedBy, Attention, Payment
from billing.money import Money
from billing.payments import service as payments
from billing.payments import sweep
from billing.payments.check import CHECK_QUEUE, MAX_REQUESTS
from billing.providers import provider_of
from billing.providers.base import CallbackRequest
from billing.states import Status
from config.due.queue import database_now
from tests.conformance.cases.case import StandInCase
from tests.conformance.cases.paypal import PayPalCase
from tests.conformance.cases.stripe import StripeCase
from tests.conformance.cases.yookassa import YooKassaCase
from tests.conformance.standins.server import Reply, as_ever, saying

pytestmark = pytest.mark.sqlite_is_enough


@contextmanager
def only_provider(case: StandInCase, settings: Settings) -> Iterator[StandInCase]:
    """The shop's only account is there."""
    with case:
        settings.PAYMENT_ACCOUNTS = {case.provider: case.options()}
        provider_of.cache_clear()
        sweep.lane.cache_clear()
        yield case
        provider_of.cache_clear()
        sweep.lane.cache_clear()


@pytest.fixture
def yookassa(settings: Settings) -> Iterator[StandInCase]:
    with only_provider(YooKassaCase(), settings) as case:
        yield case


@pytest.fixture
def stripe(settings: Settings) -> Iterator[StandInCase]:
    with only_provider(StripeCase(), settings) as case:
        yield case


@pytest.fixture
def paypal(settings: Settings) -> Iterator[StandInCase]:
    with only_provider(PayPalCase(), settings) as case:
        yield case


def captures(case: StandInCase) -> list[str]:
    """The keys with which money was asked for."""
    asked = [request for request in case.stand_in.requests if request.path.endswith("/capture")]
    return [request.headers["paypal-request-id"] for request in asked]


def start(case: StandInCase, window_s: float = 3600) -> Payment:
    """A payment that the provider knows."""
    payment = payments.start(
        reference="order-1",
        amount=Money(1200, "USD"),
        description="Two cups",
        return_url="https://shop.example.com/orders/1/",
        window_ends_at=database_now() + timedelta(seconds=window_s),
        account=case.provider,
    )
    return payments.introduce(payment)


def look(payment: Payment) -> Payment:
    """As the sweep would, now."""
    CHECK_QUEUE.make_due(Q(pk=payment.pk), AskedBy.OPERATOR)
    sweep.check_one(payment.pk)
    return Payment.objects.get(pk=payment.pk)


def let_time_pass(seconds: float) -> None:
    """Everything was so much earlier."""
    gap = timedelta(seconds=seconds)
    Payment.objects.update(created_at=F("created_at") - gap, window_ends_at=F("window_ends_at") - gap)


def cancels(case: StandInCase) -> int:
    """How often we tried to."""
    return sum(request.path.endswith("/cancel") for request in case.stand_in.requests)


def test_an_unpaid_payment_at_yookassa_is_left_in_peace_until_it_lapses(
    yookassa: StandInCase, caplog: pytest.LogCaptureFixture
) -> None:
    """The time to pay is over: nobody is called and nothing is tried that would be refused; then it expires there."""
    payment = start(yookassa)
    let_time_pass(3601)

    payment = look(payment)

    assert (payment.status, payment.attention) == (Status.PENDING, Attention.NONE)
    assert payment.next_check_at is not None
    assert payment.next_check_at - database_now() < timedelta(seconds=61)
    assert cancels(yookassa) == 0
    assert "payment.attention" not in caplog.text

    yookassa.say(payment.provider_ref, "canceled:expired_on_confirmation")
    assert look(payment).status == Status.EXPIRED


def test_one_that_has_not_lapsed_in_its_time_is_a_case_for_a_person(yookassa: StandInCase) -> None:
    """YooKassa has not done what it says."""
    payment = start(yookassa)
    let_time_pass(3901)

    assert look(payment).attention == Attention.WINDOW_OVER


def test_a_customer_who_calls_it_off_at_yookassa_waits_for_it_to_lapse(yookassa: StandInCase) -> None:
    """They may still pay in another window, and money counts."""
    payment = start(yookassa)
    payments.cancel("order-1")

    payment = look(payment)
    assert (payment.status, payment.attention) == (Status.PENDING, Attention.NONE)

    yookassa.say(payment.provider_ref, "succeeded")
    assert look(payment).status == Status.SUCCEEDED


def test_money_that_is_held_at_yookassa_is_let_go_when_the_time_is_over(yookassa: StandInCase) -> None:
    """That may be cancelled."""
    payment = start(yookassa)
    yookassa.say(payment.provider_ref, "waiting_for_capture")
    let_time_pass(3601)

    assert look(payment).status == Status.EXPIRED
    assert cancels(yookassa) == 1


def test_the_session_at_stripe_is_closed_when_the_time_is_over(stripe: StandInCase) -> None:
    """Expired if nobody paid in time."""
    payment = start(stripe)
    let_time_pass(3601)

    assert look(payment).status == Status.EXPIRED
    assert stripe.row(payment.provider_ref)["status"] == "expired"


def test_the_session_at_stripe_is_closed_when_the_customer_calls_it_off(stripe: StandInCase) -> None:
    """And then it is called cancelled."""
    payment = start(stripe)
    payments.cancel("order-1")

    assert look(payment).status == Status.CANCELED


def test_the_longest_look_is_as_long_as_the_lease_says(stripe: StandInCase) -> None:
    """A kept failure, the search, the second key, closing it, and asking why not: five requests."""
    kept = Reply(500, {"error": {"type": "api_error"}}, {"Stripe-Should-Retry": "false"})
    stand_in = stripe.stand_in
    stand_in.mischief += [saying(kept), as_ever, as_ever, saying(stand_in.complaint(400)), as_ever]

    payment = start(stripe, window_s=-1)

    assert payment.status == Status.PENDING
    assert len(stand_in.requests) + 2 == MAX_REQUESTS  # two of them were only answered
    assert not stand_in.mischief


def test_what_the_buyer_approved_at_paypal_is_captured_by_the_next_look(paypal: StandInCase) -> None:
    """Approval alone is no money."""
    payment = start(paypal)
    paypal.say(payment.provider_ref, "APPROVED")

    payment = look(payment)

    assert (payment.status, payment.raw_status) == (Status.SUCCEEDED, "COMPLETED/COMPLETED")


def test_what_nobody_has_approved_is_not_captured(paypal: StandInCase) -> None:
    """It is only asked about."""
    payment = start(paypal)

    payment = look(payment)

    assert (payment.status, payment.errors, payment.attention) == (Status.PENDING, 0, Attention.NONE)
    assert not captures(paypal)


def test_a_declined_capture_waits_for_the_buyer(paypal: StandInCase) -> None:
    """It is tried once for each approval, with a key of its own; between them the customer reads what helps."""
    payment = start(paypal)
    paypal.say(payment.provider_ref, "APPROVED")
    assert isinstance(paypal, PayPalCase)
    paypal.stand_in.refusals.append("INSTRUMENT_DECLINED")

    declined = [look(payment) for _ in range(3)]

    assert {(each.status, each.reason, each.advice, each.attention) for each in declined} == {
        (Status.PENDING, "INSTRUMENT_DECLINED", Advice.OTHER, Attention.NONE)
    }
    assert len(captures(paypal)) == 1

    paypal.say(payment.provider_ref, "APPROVED")
    assert look(payment).status == Status.SUCCEEDED
    assert len(set(captures(paypal))) == len(captures(paypal)) == 2


def test_what_was_approved_in_time_is_captured_late(paypal: StandInCase) -> None:
    """The workers were away: the buyer was not late."""
    payment = start(paypal)
    paypal.say(payment.provider_ref, "APPROVED")
    let_time_pass(3601)
    paypal.row(payment.provider_ref)["update_time"] = (database_now() - timedelta(minutes=50)).isoformat()

    assert look(payment).status == Status.SUCCEEDED


def test_a_capture_whose_answer_was_lost_is_found(paypal: StandInCase) -> None:
    """The order tells; the money is taken once."""
    payment = start(paypal)
    paypal.say(payment.provider_ref, "APPROVED")
    paypal.stand_in.mischief.append(as_ever)
    paypal.trouble("lost_answer")

    assert look(payment).errors == 1
    assert look(payment).status == Status.SUCCEEDED
    assert len(paypal.row(payment.provider_ref)["purchase_units"][0]["payments"]["captures"]) == 1


def test_nothing_is_captured_after_the_time_to_pay(paypal: StandInCase) -> None:
    """Not by the look that ends it, and not by a callback that comes after it."""
    payment = start(paypal)
    paypal.say(payment.provider_ref, "APPROVED")
    let_time_pass(3601)

    payment = look(payment)
    assert payment.status == Status.EXPIRED

    event = f'{{"event_type": "CHECKOUT.ORDER.APPROVED", "resource": {{"id": "{payment.provider_ref}"}}}}'
    stored = inbox.receive("paypal", CallbackRequest(event.encode(), {}, "192.0.2.1"))
    inbox.process(stored.pk)
    assert look(payment).status == Status.EXPIRED
    assert paypal.row(payment.provider_ref)["status"] == "APPROVED"


def test_an_order_that_is_not_ours_is_not_captured(paypal: StandInCase) -> None:
    """Another amount: a case for a person, before any money moves."""
    payment = start(paypal)
    paypal.say(payment.provider_ref, "APPROVED")
    paypal.row(payment.provider_ref)["purchase_units"][0]["amount"]["value"] = "1.00"

    payment = look(payment)

    assert (payment.status, payment.attention) == (Status.PENDING, Attention.MISMATCH)
    assert paypal.row(payment.provider_ref)["status"] == "APPROVED"
