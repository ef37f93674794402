"""Accounts: the limit, the pause, the breaker and the operator's lever. The provider counts for itself."""

import logging
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any, TypeVar

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.db.models import F
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries, Settings

from billing import accounts, breaker, callbacks, checks
from billing.errors import BadAnswer, DeadlinePassed, NotFound, NotNow, ProviderError, Unavailable, Unreachable
from billing.models import AccountState, Attention, Breaker, Callback, Payment
from billing.providers import provider_of
from billing.sandbox import SandboxServer
from billing.states import Status
from config.due import database_now
from tests.database.test_lanes import looked_at, pending
from tests.shop import Shop, sandbox_account

LATE_S = 0.5
"""So late a busy machine may start a thread whose slot has come."""

DOWN = Unreachable("no connection, or it broke (ConnectionError)")


T = TypeVar("T")


@pytest.fixture(autouse=True)
def _clean_books(sandbox: SandboxServer, settings: Settings) -> None:
    settings.PROVIDER_BREAKER_ERRORS = 3
    settings.PROVIDER_BREAKER_PROBE_S = 60
    settings.PROVIDER_RATE_LIMITS_PER_S = {}
    settings.PROVIDER_RATE_LIMIT_PER_S = 0
    sandbox.journal.clear()


@pytest.fixture
def other(sandbox: SandboxServer, settings: Settings) -> Iterator[SandboxServer]:
    """The server of a second account."""
    with SandboxServer() as server:
        settings.PAYMENT_ACCOUNTS = settings.PAYMENT_ACCOUNTS | {"other": sandbox_account(server)}
        yield server


def state(account: str = "sandbox") -> AccountState:
    """As the database has it."""
    return AccountState.objects.get(pk=account)


def trip(account: str = "sandbox") -> None:
    """Open the breaker, as calls that failed would."""
    breaker.note(account, [DOWN, DOWN, DOWN])
    assert state(account).breaker == Breaker.OPEN


def let_probe() -> None:
    """The time of the next probe has come."""
    AccountState.objects.update(next_probe_at=database_now())


def moments(server: SandboxServer) -> list[float]:
    """When the provider was called, in seconds."""
    return [entry.at.timestamp() for entry in server.journal.entries()]


def assert_within(limit: float, burst: int, called: list[float]) -> None:
    """In no time more than the limit allows for it, but for the burst, the first, and threads that were late."""
    for first, start in enumerate(called):
        for last in range(first, len(called)):
            assert last - first + 1 <= limit * (called[last] - start + LATE_S) + burst + 1


def in_thread(work: Callable[..., T], *args: Any) -> T:
    """For threads of tests: each has a connection of its own, which ends with it."""
    try:
        return work(*args)
    finally:
        connection.close()


# --- the limit -------------------------------------------------------------------------------------------------------


def test_the_sweep_keeps_to_the_limit(sandbox: SandboxServer, settings: Settings) -> None:
    """Counted at the provider: evenly spread, and nearly all of what is allowed."""
    pending(60, due_for_s=5)
    sandbox.journal.clear()
    settings.PROVIDER_RATE_LIMIT_PER_S = 50

    started = time.monotonic()
    assert checks.check_due("sandbox", 20) == 60

    assert 59 / 50 <= time.monotonic() - started + 0.05 < 2.5
    called = sorted(moments(sandbox))
    assert called[-1] - called[0] > 59 / 50 - 0.1
    assert_within(50, 0, called)


def test_all_who_share_an_account_share_its_limit(sandbox: SandboxServer, settings: Settings) -> None:
    """Four sweeps and eight customers at once, each with its own connection, as in processes of their own."""
    pending(24, due_for_s=5)
    sandbox.journal.clear()
    settings.PROVIDER_RATE_LIMIT_PER_S, settings.PROVIDER_BURST_CALLS = 20, 5
    lanes = [checks.Lane("sandbox", 16) for _ in range(4)]

    with ThreadPoolExecutor(5) as pool:
        sweeps = [pool.submit(in_thread, lane.work_off, 20.0) for lane in lanes]
        customers = pool.submit(in_thread, _ask_as_customers, 8)
        assert sum(sweep.result() for sweep in sweeps) == 24
        customers.result()

    called = sorted(moments(sandbox))
    assert len(called) == 32
    assert_within(20, 5, called)


def _ask_as_customers(number: int) -> None:
    for _ in range(number):
        with accounts.guard("sandbox", wait_s=5, urgent=True):
            list(provider_of("sandbox").payments_between(database_now(), database_now()))


def test_customers_pass_before_the_sweep(sandbox: SandboxServer, settings: Settings) -> None:
    """Whatever the sweep has taken, PROVIDER_BURST_CALLS are left for those who wait."""
    settings.PROVIDER_RATE_LIMIT_PER_S, settings.PROVIDER_BURST_CALLS = 1, 3
    accounts.grant("sandbox", 64, database_now())

    assert [accounts.permit("sandbox") for _ in range(5)] == [True] * 3 + [False] * 2
    assert accounts.grant("sandbox", 64, database_now()).starts_s == ()


def test_a_customer_waits_for_a_slot_only_if_it_is_near(sandbox: SandboxServer, settings: Settings) -> None:
    """`wait_s` at the most."""
    settings.PROVIDER_RATE_LIMIT_PER_S, settings.PROVIDER_BURST_CALLS = 5, 0
    assert accounts.permit("sandbox")

    assert not accounts.permit("sandbox", wait_s=0.05)
    started = time.monotonic()
    assert accounts.permit("sandbox", wait_s=0.5)
    assert 0.1 < time.monotonic() - started < 0.4


def test_slots_that_are_not_used_go_back(sandbox: SandboxServer, settings: Settings) -> None:
    """An idle sweep must not use the limit up; but what later ones were taken after stays taken."""
    settings.PROVIDER_RATE_LIMIT_PER_S = 100
    granted = accounts.grant("sandbox", 10, database_now())
    assert (len(granted.starts_s), granted.slots_end_at) == (10, state().next_slot_at)

    accounts.settle("sandbox", granted, 4)
    assert granted.slots_end_at == state().next_slot_at + timedelta(seconds=0.06)

    accounts.grant("sandbox", 2, database_now())
    taken = state().next_slot_at
    accounts.settle("sandbox", granted, 0)
    assert state().next_slot_at == taken


def test_calling_off_takes_three_slots(sandbox: SandboxServer, settings: Settings) -> None:
    """Ask, cancel, ask again: each is a call."""
    pending(6, due_for_s=5)
    Payment.objects.update(window_ends_at=database_now())
    sandbox.journal.clear()
    settings.PROVIDER_RATE_LIMIT_PER_S = 20

    assert checks.check_due("sandbox", 20) == 6

    called = moments(sandbox)
    assert len(called) == 12
    assert max(called) - min(called) > 15 / 20 - 0.1
    assert set(Payment.objects.values_list("status", flat=True)) == {Status.EXPIRED}


def test_a_checkout_without_a_slot_is_left_to_the_sweep(shop: Shop, settings: Settings) -> None:
    """Nobody waits, and nothing is lost: the payment is due at once, and no claim is counted."""
    settings.PROVIDER_PATIENCE_S = 0.1
    settings.PROVIDER_RATE_LIMIT_PER_S, settings.PROVIDER_BURST_CALLS = 1, 0
    assert accounts.permit("sandbox")

    _, payment = shop.order()

    assert (payment.status, payment.pay_url, payment.claims, payment.errors) == (Status.CREATED, "", 0, 0)
    assert payment.next_check_at is not None
    assert payment.next_check_at <= database_now()
    settings.PROVIDER_RATE_LIMIT_PER_S = 0
    checks.check_due("sandbox", 5)
    assert shop.fresh(payment).pay_url


def test_a_low_limit_starves_no_track(sandbox: SandboxServer, settings: Settings) -> None:
    """Room for one at a time: two of three are young."""
    settings.FAST_TRACK_INTERVAL_S = 60
    pending(9, due_for_s=600, age_s=3_000)
    old = set(Payment.objects.values_list("provider_ref", flat=True))
    pending(9, due_for_s=5)
    sandbox.journal.clear()
    settings.PROVIDER_RATE_LIMIT_PER_S = 7

    checks.check_due("sandbox", 1.3)

    assert [ref in old for ref in looked_at(sandbox)[:6]].count(True) in (1, 2, 3)


# --- the breaker -----------------------------------------------------------------------------------------------------


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


def test_errors_far_apart_are_not_in_a_row(settings: Settings) -> None:
    """PROVIDER_BREAKER_WINDOW_S is the longest gap."""
    settings.PROVIDER_BREAKER_WINDOW_S = 120
    breaker.note("sandbox", [DOWN, DOWN])
    AccountState.objects.update(last_error_at=F("last_error_at") - timedelta(seconds=121))

    breaker.note("sandbox", [DOWN])

    assert (state().breaker, state().errors) == (Breaker.CLOSED, 1)


@pytest.mark.parametrize("kind", ["refuse", "status_500", "hang"])
def test_while_it_is_open_payments_stay_untouched(sandbox: SandboxServer, settings: Settings, kind: str) -> None:
    """Due as they were: no claim, no error, no call but the probe."""
    settings.PAYMENT_API_TIMEOUT_S = 0.2
    settings.PAYMENT_CHECK_CONCURRENCY = 6
    checks.lane.cache_clear()
    pending(30, due_for_s=5)
    sandbox.outage(kind, 60)
    sandbox.journal.clear()

    assert checks.check_due("sandbox", 20) in range(3, 13)

    assert state().breaker == Breaker.OPEN
    untouched = Payment.objects.filter(next_check_at__lt=database_now(), claims=0, errors=0)
    assert untouched.count() >= 30 - 12
    before = sandbox.journal.total
    assert checks.check_due("sandbox", 20) == 0
    let_probe()
    assert checks.check_due("sandbox", 20) == 1
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
        checks.check_due("sandbox", 5)

    payment = shop.fresh(payment)
    assert (payment.status, payment.attention, payment.errors) == (Status.PENDING, Attention.NONE, 2)
    assert state().breaker == Breaker.OPEN

    shop.let_time_pass(3_600)  # the window ends while the provider is away
    shop.sandbox.end_outage()
    let_probe()
    assert checks.check_due("sandbox", 5) == 1
    assert shop.fresh(payment).status == Status.SUCCEEDED
    assert (state().breaker, state().errors) == (Breaker.CLOSED, 0)


def test_the_first_answer_closes_it_and_the_backlog_is_worked_off(sandbox: SandboxServer) -> None:
    """By the very same run that probed, if there is time."""
    pending(10, due_for_s=5)
    trip()
    let_probe()

    assert checks.check_due("sandbox", 20) == 10
    assert state().breaker == Breaker.CLOSED


def test_one_probe_at_a_time_for_all_processes() -> None:
    """Who moves the appointment has the probe."""
    trip()
    let_probe()
    with ThreadPoolExecutor(8) as pool:
        granted = list(pool.map(lambda _: in_thread(accounts.grant, "sandbox", 64, database_now()), range(8)))
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
        checks.check_due("sandbox", 20)
        Payment.objects.filter(next_check_at__gt=database_now()).update(next_check_at=database_now())

    assert looked_at(sandbox)[:2] == [bad.provider_ref, good.provider_ref]
    assert state().breaker == Breaker.CLOSED


def test_the_newest_come_first_after_an_outage(sandbox: SandboxServer, settings: Settings) -> None:
    """Those whose customers are still there, within two thirds; the rest goes by waiting time."""
    settings.PAYMENT_CHECK_CONCURRENCY = 6
    checks.lane.cache_clear()
    old = pending(30, due_for_s=600, age_s=3_000)
    young = [pending(1, due_for_s=100 - number, age_s=100 - number)[0] for number in range(10)]
    sandbox.journal.clear()

    checks.check_due("sandbox", 20)

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
    callbacks.process_due()

    assert Callback.objects.get().outcome == Callback.Outcome.WAITING


def test_the_breaker_of_one_account_is_no_business_of_another(sandbox: SandboxServer, other: SandboxServer) -> None:
    """They share a row lock, a lane and a limit with nobody."""
    pending(3, due_for_s=5)
    pending(3, due_for_s=5, name="other")
    trip("other")

    assert checks.check_due("sandbox", 5) == 3
    assert checks.check_due("other", 5) == 0


# --- the pause -------------------------------------------------------------------------------------------------------


def test_too_many_requests_pauses_the_account(
    sandbox: SandboxServer, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    """For as long as the provider said; said once, whoever asked, and it goes on by itself."""
    pending(20, due_for_s=5)
    fault = sandbox.fault("status", "status_429", retry_after_s=1)
    settings.PAYMENT_CHECK_CONCURRENCY = 6
    checks.lane.cache_clear()
    with caplog.at_level(logging.WARNING):
        checks.check_due("sandbox", 20)
    assert [record.message for record in caplog.records] == ["provider.paused"]
    sandbox.clear_faults(fault)
    assert checks.check_due("sandbox", 20) == 0
    assert not accounts.permit("sandbox")
    assert not Payment.objects.exclude(errors=0, attention="").exists()
    assert (state().breaker, state().errors) == (Breaker.CLOSED, 0)

    time.sleep(1)
    Payment.objects.update(next_check_at=database_now())
    assert checks.check_due("sandbox", 20) == 20


def test_no_wish_keeps_us_away_for_ever(settings: Settings) -> None:
    """PROVIDER_PAUSE_LIMIT_S."""
    settings.PROVIDER_PAUSE_LIMIT_S = 300
    breaker.note("sandbox", [Unavailable("HTTP 429", retry_after_s=99_999)])

    paused_until = state().paused_until
    assert paused_until is not None
    assert timedelta(seconds=290) < paused_until - database_now() <= timedelta(seconds=300)


# --- others who call -------------------------------------------------------------------------------------------------


def test_a_guarded_call_counts_like_any_other() -> None:
    """Its errors open the breaker, and then it may not be made."""
    for _ in range(3):
        with pytest.raises(Unreachable), accounts.guard("sandbox"):
            raise DOWN
    assert accounts.is_to_blame("sandbox", DOWN)
    with pytest.raises(NotNow) as refused, accounts.guard("sandbox"):
        raise AssertionError("it was called")
    assert accounts.is_to_blame("sandbox", refused.value)

    breaker.close_by_hand("sandbox", "ann", "they said so")
    with accounts.guard("sandbox"):
        pass
    assert not accounts.is_to_blame("sandbox", DOWN)


def test_what_is_no_trouble_is_never_the_accounts_fault() -> None:
    """A refusal is about the row, whatever the breaker says."""
    trip()
    for error in (NotFound("HTTP 404"), BadAnswer("not JSON"), ProviderError("the adapter failed")):
        assert not accounts.is_to_blame("sandbox", error)


def test_while_all_is_well_nothing_is_written(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    """A claim reads one row more than it would without; an answer costs nothing."""
    breaker.note("sandbox", [None])
    now = database_now()
    with django_assert_num_queries(0):
        breaker.note("sandbox", [None, None, None])
    with django_assert_num_queries(1):
        accounts.grant("sandbox", 64, now)


# --- the operator ----------------------------------------------------------------------------------------------------


@pytest.fixture
def operator(client: Client) -> Client:
    """Logged in, and allowed to look at accounts and to switch them."""
    user = User.objects.create_user("olga", password="olga", is_staff=True)
    names = ["view_accountstate", "change_accountstate"]
    user.user_permissions.set(Permission.objects.filter(codename__in=names))
    client.force_login(user)
    return client


def switch(client: Client, action: str, why: str) -> str:
    """Choose the action on the list's page; returns the page that follows."""
    fields = {"action": action, "_selected_action": "sandbox", "why": why}
    page = client.post(reverse("admin:billing_accountstate_changelist"), fields, follow=True)
    return page.content.decode()


def test_an_operator_opens_and_closes_it_by_hand(
    shop: Shop, operator: Client, caplog: pytest.LogCaptureFixture
) -> None:
    """Not even a probe passes in between, and who did it and why is written down."""
    _, payment = shop.order()
    asked = len(shop.sandbox.requests())
    caplog.clear()
    assert "Opened by hand: sandbox." in switch(operator, "open_by_hand", "they rebuild their network")
    shop.let_time_pass(60)
    let_probe()
    assert checks.check_due("sandbox", 5) == 0
    breaker.note("sandbox", [None])
    assert (state().breaker, state().changed_by, state().why) == (Breaker.HELD, "olga", "they rebuild their network")

    assert "Closed by hand: sandbox." in switch(operator, "close_by_hand", "done")
    assert checks.check_due("sandbox", 5) == 1

    assert len(shop.sandbox.requests()) == asked + 1
    assert shop.fresh(payment).errors == 0
    history = LogEntry.objects.order_by("pk").values_list("change_message", flat=True)
    assert list(history) == ["Opened by hand: they rebuild their network", "Closed by hand: done"]
    switched = [record.message for record in caplog.records if record.message.startswith("provider.")]
    assert switched == ["provider.breaker_opened", "provider.breaker_closed"]


def test_without_a_reason_nothing_is_switched(operator: Client) -> None:
    """The page says what is missing."""
    accounts.ensure_states()
    assert "write a reason" in switch(operator, "open_by_hand", " ")
    assert state().breaker == Breaker.CLOSED


def test_who_may_only_look_switches_nothing(operator: Client) -> None:
    """The lever is for those with the permission "change account"."""
    accounts.ensure_states()
    User.objects.get().user_permissions.remove(Permission.objects.get(codename="change_accountstate"))

    switch(operator, "open_by_hand", "mischief")

    assert state().breaker == Breaker.CLOSED


def test_the_page_shows_accounts_that_were_never_called(operator: Client, settings: Settings) -> None:
    """With their limit."""
    settings.PROVIDER_RATE_LIMITS_PER_S = {"sandbox": 7}
    page = operator.get(reverse("admin:billing_accountstate_changelist")).content.decode()
    assert "sandbox" in page
    assert '<td class="field-limit">7</td>' in page
    detail = operator.get(reverse("admin:billing_accountstate_change", args=["sandbox"]))
    assert detail.status_code == 200
