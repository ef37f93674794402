"""What a look asks of the provider, and what it never asks."""

import pytest
from django.db.models import Q
from pytest_django.fixtures import Settings

from billing.errors import Unavailable
from billing.limits import breaker
from billing.models import AskedBy, Attention, Breaker, Payment
from billing.payments import sweep
from billing.payments.check import CHECK_QUEUE, CheckResult, check, record
from billing.providers import REGISTRY
from billing.providers.base import PaymentSnapshot
from billing.providers.sandbox import Sandbox
from billing.states import Status
from config.due.queue import database_now
from tests.shop import Shop


def asked(shop: Shop, payment: Payment) -> list[str]:
    """The requests about this payment since the last look into the journal, but for the one that made it."""
    entries = [each for each in shop.sandbox.requests() if each["payment"] == payment.provider_ref]
    shop.sandbox.journal.clear()
    return [f"{each['method']} {str(each['path']).rpartition('/')[2]}" for each in entries]


def at_a_provider(shop: Shop, settings: Settings, monkeypatch: pytest.MonkeyPatch, adapter: type[Sandbox]) -> Payment:
    """A payment that the sandbox knows, asked about through another adapter from now on."""
    _, payment = shop.order()
    monkeypatch.setitem(REGISTRY, "other", adapter)
    settings.PAYMENT_ACCOUNTS = {"other": {**settings.PAYMENT_ACCOUNTS["sandbox"], "provider": "other"}}
    Payment.objects.update(account="other")
    return shop.fresh(payment)


@pytest.mark.parametrize("action", ["pay", "decline", "cancel"])
def test_what_has_ended_there_is_not_called_off(shop: Shop, action: str) -> None:
    """The time to pay is over, but it has come to its end in time: some providers would give paid money back."""
    _, payment = shop.order()
    shop.buyer(payment, action)
    shop.let_time_pass(3700)
    asked(shop, payment)

    shop.look(payment)

    assert asked(shop, payment) == [f"GET {payment.provider_ref}"]


def test_what_a_provider_does_not_agree_to_end_is_not_called_expired(
    shop: Shop, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes the wish, and says that the payment is as open as before: money may still come."""

    class Slow(Sandbox):
        def cancel(self, provider_ref: str) -> PaymentSnapshot:
            return self.status(provider_ref)

    payment = at_a_provider(shop, settings, monkeypatch, Slow)
    shop.let_time_pass(3700)

    payment = shop.look(payment)

    assert (payment.status, payment.attention) == (Status.PENDING, Attention.WINDOW_OVER)


def test_what_the_schedule_finds_is_told_so(shop: Shop) -> None:
    """Its callback was lost: whoever reads the history can see it."""
    _, payment = shop.order()
    shop.buyer(payment, "pay")
    shop.let_time_pass(6)

    sweep.check_due("sandbox", 5)

    payment = shop.fresh(payment)
    assert (payment.status, payment.found_by) == (Status.SUCCEEDED, AskedBy.SCHEDULE)
    assert payment.events.get(target=Status.SUCCEEDED).found_by == AskedBy.SCHEDULE


def test_what_looks_bring_is_noted_of_their_own_account(
    shop: Shop, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One provider is down; the other's breaker stays closed."""
    monkeypatch.setattr(breaker, "ERRORS_TO_OPEN", 1)
    settings.PAYMENT_ACCOUNTS |= {"other": settings.PAYMENT_ACCOUNTS["sandbox"]}
    product = shop.product(stock=9)
    (_, here), (_, there) = shop.order(product), shop.order(product)
    Payment.objects.filter(pk=there.pk).update(account="other")
    CHECK_QUEUE.make_due(Q(), AskedBy.OPERATOR)
    claimed = {payment.pk: payment for payment in CHECK_QUEUE.claim_batch(10)}

    record(
        [
            check(claimed[here.pk], database_now()),
            CheckResult(claimed[there.pk], Unavailable("HTTP 502"), database_now()),
        ]
    )

    assert breaker.of("sandbox").breaker == Breaker.CLOSED
    assert breaker.of("other").breaker == Breaker.OPEN
