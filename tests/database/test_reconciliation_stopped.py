"""What keeps a day from being compared: it comes again, and whoever asked is told why."""

from datetime import timedelta

import pytest
from pytest_django import Settings

from billing.errors import CannotReconcile, WrongCredentials
from billing.models import Payment, Reconciliation
from billing.reconciliation import differences, runs
from config.due.queue import database_now
from tests.books import yesterday
from tests.shop import Shop

pytestmark = pytest.mark.sqlite_is_enough


@pytest.fixture
def yesterdays(shop: Shop) -> Payment:
    """A payment that we made yesterday, and that the provider has under today."""
    _, payment = shop.order()
    Payment.objects.filter(pk=payment.pk).update(created_at=database_now() - timedelta(days=1))
    return shop.fresh(payment)


@pytest.mark.usefixtures("night")
def test_days_are_compared_until_the_time_is_over(shop: Shop, yesterdays: Payment) -> None:
    """One at least; then it says that there may be more."""
    assert runs.reconcile_due(0)
    assert not runs.reconcile_due(5)

    run = Reconciliation.objects.get()
    assert (run.day, run.error, run.compared_at is None) == (yesterday(), "", False)


@pytest.mark.usefixtures("night")
def test_a_day_of_an_account_that_is_gone_says_so(shop: Shop, yesterdays: Payment, settings: Settings) -> None:
    """The row stays, with the sentence, and is tried again in case the setting was a mistake."""
    runs.plan(database_now())
    settings.PAYMENT_ACCOUNTS = {}

    runs.reconcile_due(5)

    run = Reconciliation.objects.get()
    assert run.error == "PAYMENT_ACCOUNTS does not name the account any more"
    assert (run.compared_at, run.errors, run.reconcile_after is None) == (None, 1, False)


def test_whoever_stops_it_by_hand_gives_the_day_back(shop: Shop, yesterdays: Payment) -> None:
    """Ctrl-C in the command: the next one need not wait for a lease to end."""

    def stop(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        runs.reconcile("sandbox", yesterday(), stop)

    assert runs.reconcile("sandbox", yesterday()).error == ""


def test_a_bug_on_the_way_is_told_to_whoever_asked(shop: Shop, yesterdays: Payment) -> None:
    """The log has its traceback."""

    def stumble(_: int) -> None:
        raise ZeroDivisionError

    with pytest.raises(CannotReconcile, match="the log says why"):
        runs.reconcile("sandbox", yesterday(), stumble)


def test_wrong_keys_are_no_answer_about_a_payment(shop: Shop, yesterdays: Payment) -> None:
    """They say nothing about whether the provider knows it: the day is not finished, and nothing is parked."""
    shop.sandbox.fault("status", "unauthorized")

    with pytest.raises(WrongCredentials):
        differences.ask("sandbox", yesterdays.provider_ref)

    assert runs.reconcile("sandbox", yesterday()).error
    assert not Reconciliation.objects.get().differences.exists()
