"""Checks that anyone can cause: once per payment and interval, whoever asks, and no request is lost."""

from collections.abc import Callable
from datetime import timedelta
from itertools import count

import pytest
from django.db.models import F
from django.test import Client
from django.urls import reverse

from billing import polling
from billing.models import AskedBy, Payment, Refund
from billing.payments import service as payments
from billing.payments import sweep
from billing.payments.check import CHECK_QUEUE, check, record
from billing.refunds import follow
from commerce.models import Order
from config.due.queue import database_now
from tests.callbacks import post
from tests.shop import Shop, with_mail
from tests.threads import at_once

ROUNDS = 15
_numbers = count()


def come_back(shop: Shop, payment: Payment) -> None:
    """The customer's return; the address of the page is all that it takes."""
    assert Client().get(reverse("order-return", args=[payment.reference])).status_code == 302


def call_back(shop: Shop, payment: Payment) -> None:
    """Another callback each time, as the provider's would be."""
    post(shop.callback(payment, f"event.{next(_numbers)}"))
    shop.sweep()


def cancel(shop: Shop, payment: Payment) -> None:
    """The button on the order's page."""
    visitor = with_mail(Client(), Order.objects.get(public_id=payment.reference))
    visitor.post(reverse("order-cancel", args=[payment.reference]))


Ask = Callable[[Shop, Payment], None]


def no_appointment(payment: Payment) -> None:
    """The schedule has no reason to ask for a while."""
    Payment.objects.filter(pk=payment.pk).update(next_check_at=database_now() + timedelta(hours=1))


def asked(shop: Shop, payment: Payment) -> int:
    """All calls about the payment."""
    return len(shop.sandbox.requests(payment.provider_ref))


def refunds_asked(shop: Shop, refund: Refund) -> int:
    """The queries about this refund."""
    return sum(each["path"].endswith(f"/refunds/{refund.provider_ref}") for each in shop.sandbox.requests())


@pytest.mark.parametrize("asks", [[come_back], [call_back], [come_back, call_back]], ids=["return", "callback", "both"])
def test_the_provider_is_asked_once_whoever_asks_and_how_often(shop: Shop, asks: list[Ask]) -> None:
    """271 pages caused 48 calls in 10 s. What comes too early is due at the end of the interval."""
    _, payment = shop.order()
    no_appointment(payment)
    before, started = asked(shop, payment), database_now()
    for _ in range(ROUNDS):
        for ask in asks:
            ask(shop, payment)
            sweep.check_one(payment.pk)

    intervals = (database_now() - started) // polling.REQUESTS_APART + 1
    assert 1 <= asked(shop, payment) - before <= intervals
    row = shop.fresh(payment)
    assert row.requested_for is not None
    assert row.next_check_at is not None
    assert row.next_check_at <= database_now() + polling.REQUESTS_APART


@pytest.mark.parametrize("ask", [come_back, call_back], ids=["return", "callback"])
def test_what_comes_too_early_is_not_lost(shop: Shop, ask: Ask) -> None:
    """The customer pays between two requests: the second one finds it, at the end of the interval."""
    _, payment = shop.order()
    no_appointment(payment)
    ask(shop, payment)
    sweep.check_one(payment.pk)
    no_appointment(payment)
    shop.buyer(payment, "pay")

    ask(shop, payment)
    assert shop.fresh(payment).is_open
    shop.let_time_pass(polling.REQUESTS_APART.total_seconds())
    shop.sweep()

    assert shop.fresh(payment).status == "succeeded"
    assert shop.fresh(payment).found_by in (AskedBy.RETURN, AskedBy.CALLBACK)


@pytest.mark.parametrize("is_bulk", [True, False], ids=["unchanged", "changed"])
def test_a_request_during_a_check_waits_for_the_interval_too(shop: Shop, is_bulk: bool) -> None:
    """Else a flood would cause one check after the other, each while the last one is under way."""
    _, payment = shop.order()
    payments.check_reference_now(payment.reference, AskedBy.CALLBACK)
    claimed = CHECK_QUEUE.claim_one(payment.pk)
    assert claimed is not None
    result = check(claimed, database_now())
    if not is_bulk:
        Payment.objects.update(returned_at=database_now())
        claimed.returned_at = database_now()
    payments.check_reference_now(payment.reference, AskedBy.CALLBACK)
    payments.check_reference_now(payment.reference, AskedBy.CALLBACK)

    record([result])

    row = shop.fresh(payment)
    assert row.claims == 0
    assert row.requested_for is not None
    assert row.next_check_at is not None
    assert abs(row.next_check_at - row.requested_for) < timedelta(milliseconds=1)
    assert row.next_check_at > database_now()


def test_requests_at_the_same_moment_cause_one_check(shop: Shop) -> None:
    """They wait for the row."""
    _, payment = shop.order()
    no_appointment(payment)
    before = asked(shop, payment)

    def ask() -> None:
        payments.check_reference_now(payment.reference, AskedBy.RETURN)
        sweep.check_one(payment.pk)

    started = database_now()
    at_once(*[ask] * 12)

    assert asked(shop, payment) - before <= (database_now() - started) // polling.REQUESTS_APART + 1


def test_a_cancelling_customer_is_heard_once_per_interval(shop: Shop) -> None:
    """The button can be clicked without end while the provider does not answer."""
    _, payment = shop.order()
    no_appointment(payment)
    shop.sandbox.fault("cancel", "status_500")
    before, started = asked(shop, payment), database_now()
    for _ in range(ROUNDS):
        cancel(shop, payment)
        sweep.check_one(payment.pk)
    calls = 3 * ((database_now() - started) // polling.REQUESTS_APART + 1)
    assert 1 <= asked(shop, payment) - before <= calls


def test_an_operator_does_not_wait(shop: Shop) -> None:
    """Nobody else can click there."""
    _, payment = shop.order()
    for _ in range(3):
        payments.check_reference_now(payment.reference, AskedBy.RETURN)
    before = asked(shop, payment)
    shop.look(payment)
    shop.look(payment)
    assert asked(shop, payment) == before + 2


def test_callbacks_about_a_refund_have_the_same_pace(shop: Shop) -> None:
    """Each open refund of the payment is asked about, too."""
    shop.sandbox.refunds_start_as("pending")
    _, payment = shop.paid()
    refund = shop.follow(shop.refund(payment))
    Refund.objects.update(next_check_at=F("next_check_at") + timedelta(hours=1))
    started = database_now()
    before = refunds_asked(shop, refund)
    for _ in range(ROUNDS):
        post(shop.callback(payment, f"event.{next(_numbers)}"))
        shop.sweep()
        follow.follow_one(refund.pk)
    intervals = (database_now() - started) // polling.REQUESTS_APART + 1
    assert 1 <= refunds_asked(shop, refund) - before <= intervals
