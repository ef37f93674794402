"""The breaker of an account: opened by errors in a row, closed by the first answer."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db.models import F
from pytest_django import DjangoAssertNumQueries, Settings

from billing.callbacks import inbox
from billing.errors import BadAnswer, DeadlinePassed, NotFound, NotNow, ProviderError, Unavailable, Unreachable
from billing.limits import breaker, permits
from billing.models import AccountState, Attention, Breaker, Callback, Payment
from billing.payments import sweep
from billing.payments.check import CHECK_QUEUE
from billing.sandbox import SandboxServer
from billing.states import Status
from config.due.queue import database_now
from tests.accounts import DOWN, let_probe, looked_at, pending, state, trip
from tests.shop import Shop
from tests.threads import in_thread

pytestmark = pytest.mark.usefixtures("account_at_rest")


# --- opened and closed -----------------------------------------------------------------------------------------------


def test_errors_in_a_row_open_it(caplog: pytest.LogCaptureFixture) -> None:
    """Whichever payments they were for; it is said once."""
    breaker.note("sandbox", [DOWN])
    breaker.note("sandbox", [DeadlinePassed("no whole answer within 3 s")])
    assert (state().breaker, state().errors) == (Breaker.CLOSED, 2)

    breaker.note("sandbox", [Unavailable("HTTP 502")])
    breaker.note("sandbox", [DOWN])

    assert (state().breaker, state().errors, state().last_error) == (Breaker.OPEN, 3, "HTTP 502")
    assert [record.message for record in caplog.records] == ["provider.breaker_opened"]


def test_an_adapter_that_fails_proves_nothing() -> None:
    """Neither that the provider is there nor that it is not."""
    trip()
    breaker.note("sandbox", [ProviderError("the adapter failed (KeyError)"), NotNow("not now")])

    assert (state().breaker, state().errors) == (Breaker.OPEN, 3)


@pytest.mark.parametrize("answer", [None, NotFound("HTTP 404")])
def test_an_answer_ends_the_row(answer: object) -> None:
    """A refusal is one too: whoever says no is there."""
    breaker.note("sandbox", [DOWN, DOWN])
    breaker.note("sandbox", [DOWN, answer, DOWN])

    assert (state().breaker, state().errors) == (Breaker.CLOSED, 1)


def test_an_answer_that_cannot_be_read_says_nothing_about_the_account() -> None:
    """It neither opens nor closes: one payment may be at fault."""
    breaker.note("sandbox", [DOWN, DOWN, *[BadAnswer("the field 'id' is missing")] * 9])
    assert (state().breaker, state().errors) == (Breaker.CLOSED, 2)

    trip()
    breaker.note("sandbox", [BadAnswer("a body of 9 bytes is not JSON")])
    assert state().breaker == Breaker.OPEN


def test_errors_far_apart_are_not_in_a_row() -> None:
    """WINDOW_S is the longest gap."""
    breaker.note("sandbox", [DOWN, DOWN])
    AccountState.objects.update(last_error_at=F("last_error_at") - timedelta(seconds=121))

    breaker.note("sandbox", [DOWN])

    assert (state().breaker, state().errors) == (Breaker.CLOSED, 1)


@pytest.mark.parametrize("kind", ["refuse", "status_500", "hang"])
def test_while_it_is_open_payments_stay_untouched(sandbox: SandboxServer, settings: Settings, kind: str) -> None:
    """Due as they were: no claim, no error, no call but the probe."""
    settings.PAYMENT_API_TIMEOUT_S = 0.2
    settings.PAYMENT_CHECK_CONCURRENCY = 6
    sweep.lane.cache_clear()
    pending(30, due_for_s=5)
    sandbox.outage(kind, 60)
    sandbox.journal.clear()

    assert sweep.check_due("sandbox", 20) in range(3, 13)

    assert state().breaker == Breaker.OPEN
    untouched = Payment.objects.filter(next_check_at__lt=database_now(), claims=0, errors=0)
    assert untouched.count() >= 30 - 12
    before = sandbox.journal.total
    assert sweep.check_due("sandbox", 20) == 0
    let_probe()
    assert sweep.check_due("sandbox", 20) == 1
    assert sandbox.journal.total == before + 1
    assert state().breaker == Breaker.OPEN


def test_an_outage_burns_no_attempts(shop: Shop, settings: Settings) -> None:
    """However long it is, the payment needs no person afterwards, and the money that came meanwhile is found."""
    settings.PAYMENT_ATTEMPTS_LIMIT = 3
    _, payment = shop.order()
    shop.sandbox.outage("status_500", 600)
    shop.buyer(payment, "pay")
    for _ in range(5):
        let_probe()
        shop.let_time_pass(100)
        sweep.check_due("sandbox", 5)

    payment = shop.fresh(payment)
    assert (payment.status, payment.attention, payment.errors) == (Status.PENDING, Attention.NONE, 2)
    assert state().breaker == Breaker.OPEN

    shop.let_time_pass(3_600)  # the window ends while the provider is away
    shop.sandbox.end_outage()
    let_probe()
    assert sweep.check_due("sandbox", 5) == 1
    assert shop.fresh(payment).status == Status.SUCCEEDED
    assert (state().breaker, state().errors) == (Breaker.CLOSED, 0)


def test_the_first_answer_closes_it_and_the_backlog_is_worked_off(sandbox: SandboxServer) -> None:
    """By the very same run that probed, if there is time."""
    pending(10, due_for_s=5)
    trip()
    let_probe()

    assert sweep.check_due("sandbox", 20) == 10
    assert state().breaker == Breaker.CLOSED


def test_one_probe_at_a_time_for_all_processes() -> None:
    """Who moves the appointment has the probe."""
    trip()
    let_probe()
    with ThreadPoolExecutor(8) as pool:
        granted = list(pool.map(lambda _: in_thread(permits.grant, "sandbox", 64, database_now()), range(8)))
    assert sum(len(each.starts_s) for each in granted) == 1


def test_a_payment_that_the_provider_cannot_answer_about_does_not_keep_it_open(sandbox: SandboxServer) -> None:
    """A probe that failed goes to the end of the queue, so the next one is about another payment, young or old."""
    bad, good = pending(2, due_for_s=5)
    Payment.objects.filter(pk=bad.pk).update(next_check_at=F("next_check_at") - timedelta(seconds=9))
    sandbox.fault("status", "status_500", payment=bad.provider_ref)
    Payment.objects.filter(pk=good.pk).update(created_at=F("created_at") - timedelta(seconds=9))
    trip()

    for _ in range(2):
        let_probe()
        sweep.check_due("sandbox", 20)
        Payment.objects.filter(next_check_at__gt=database_now()).update(next_check_at=database_now())

    assert looked_at(sandbox)[:2] == [bad.provider_ref, good.provider_ref]
    assert state().breaker == Breaker.CLOSED


def test_the_newest_come_first_after_an_outage(sandbox: SandboxServer, settings: Settings) -> None:
    """Those whose customers are still there, within two thirds; the rest goes by waiting time."""
    settings.PAYMENT_CHECK_CONCURRENCY = 6
    sweep.lane.cache_clear()
    old = pending(30, due_for_s=600, age_s=3_000)
    young = [pending(1, due_for_s=100 - number, age_s=100 - number)[0] for number in range(10)]
    sandbox.journal.clear()

    sweep.check_due("sandbox", 20)

    first = looked_at(sandbox)[:6]
    assert {payment.provider_ref for payment in young[-4:]} <= set(first)
    assert len(set(first) & {payment.provider_ref for payment in old}) == 2


def test_nobody_waits_at_the_checkout_for_a_provider_that_is_down(shop: Shop) -> None:
    """Not even for the probe: the sweep does the asking."""
    trip()
    let_probe()
    shop.sandbox.fault("any", "hang", hang_s=30)
    started = time.monotonic()

    _, payment = shop.order()

    assert time.monotonic() - started < 1
    assert shop.sandbox.requests() == []
    assert (payment.status, payment.claims) == (Status.CREATED, 0)


def test_a_callback_about_late_money_waits_for_the_provider(shop: Shop) -> None:
    """The question stays open while nobody may ask."""
    _, payment = shop.order()
    shop.buyer(payment, "cancel")
    shop.look(payment)
    trip()

    shop.receive(payment)
    inbox.process_due()

    assert Callback.objects.get().outcome == Callback.Outcome.LOOKED
    assert sweep.check_due("sandbox", 5) == 0
    assert CHECK_QUEUE.due(database_now()).filter(pk=payment.pk).exists()


def test_the_breaker_of_one_account_is_no_business_of_another(sandbox: SandboxServer, other: SandboxServer) -> None:
    """They share a row lock, a lane and a limit with nobody."""
    pending(3, due_for_s=5)
    pending(3, due_for_s=5, name="other")
    trip("other")

    assert sweep.check_due("sandbox", 5) == 3
    assert sweep.check_due("other", 5) == 0


# --- others who call -------------------------------------------------------------------------------------------------


def test_a_guarded_call_counts_like_any_other() -> None:
    """Its errors open the breaker, and then it may not be made."""
    for _ in range(3):
        with pytest.raises(Unreachable), permits.guard("sandbox"):
            raise DOWN
    assert permits.is_account_to_blame("sandbox", DOWN)
    with pytest.raises(NotNow) as refused, permits.guard("sandbox"):
        raise AssertionError("it was called")
    assert permits.is_account_to_blame("sandbox", refused.value)

    breaker.close_by_hand("sandbox", "ann", "they said so")
    with permits.guard("sandbox"):
        pass
    assert not permits.is_account_to_blame("sandbox", DOWN)


def test_what_is_no_trouble_is_never_the_accounts_fault() -> None:
    """A refusal is about the row, whatever the breaker says."""
    trip()
    for error in (NotFound("HTTP 404"), BadAnswer("not JSON"), ProviderError("the adapter failed")):
        assert not permits.is_account_to_blame("sandbox", error)


def test_while_all_is_well_nothing_is_written(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    """A claim reads one row more than it would without; an answer costs nothing."""
    breaker.note("sandbox", [None])
    now = database_now()
    with django_assert_num_queries(0):
        breaker.note("sandbox", [None, None, None])
    with django_assert_num_queries(1):
        permits.grant("sandbox", 64, now)
