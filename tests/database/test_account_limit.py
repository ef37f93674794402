"""The limit of an account, which all who call it share. The provider counts for itself."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial

import pytest
from pytest_django import Settings

from billing.limits import permits, rate
from billing.models import Payment
from billing.payments import service as payments
from billing.payments import sweep as payment_sweep
from billing.providers import provider_of
from billing.sandbox import SandboxServer
from billing.states import Status
from config.due.queue import database_now
from tests.accounts import looked_at, pending, state
from tests.shop import Shop
from tests.threads import in_thread

pytestmark = pytest.mark.usefixtures("account_at_rest")

LATE_S = 0.5
"""So late a busy machine may start a thread whose slot has come."""


def limit(settings: Settings, per_s: float) -> None:
    """Calls that the account may make."""
    settings.PAYMENT_ACCOUNTS["sandbox"]["rate_limit_per_s"] = str(per_s)


@pytest.fixture
def burst(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Sets how many calls customers may make ahead of their turn."""
    return partial(monkeypatch.setattr, rate, "BURST_CALLS")


def moments(server: SandboxServer) -> list[float]:
    """When the provider was called, in seconds."""
    return [entry.at.timestamp() for entry in server.journal.entries()]


def assert_within(limit: float, burst: int, called: list[float]) -> None:
    """In no time more than the limit allows for it, but for the burst, the first, and threads that were late."""
    for first, start in enumerate(called):
        for last in range(first, len(called)):
            assert last - first + 1 <= limit * (called[last] - start + LATE_S) + burst + 1


def test_the_sweep_keeps_to_the_limit(sandbox: SandboxServer, settings: Settings) -> None:
    """Counted at the provider: evenly spread, and nearly all of what is allowed."""
    pending(60, due_for_s=5)
    sandbox.journal.clear()
    limit(settings, 50)

    started = time.monotonic()
    assert payment_sweep.check_due("sandbox", 20) == 60

    assert 59 / 50 <= time.monotonic() - started + 0.05 < 2.5
    called = sorted(moments(sandbox))
    assert called[-1] - called[0] > 59 / 50 - 0.1
    assert_within(50, 0, called)


def test_all_who_share_an_account_share_its_limit(
    sandbox: SandboxServer, settings: Settings, burst: Callable[[int], None]
) -> None:
    """Four sweeps and eight customers at once, each with its own connection, as in processes of their own."""
    pending(24, due_for_s=5)
    sandbox.journal.clear()
    limit(settings, 20)
    burst(5)
    lanes = [payment_sweep.Lane("sandbox", 16) for _ in range(4)]

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
        with permits.guard("sandbox", wait_s=5, urgent=True):
            list(provider_of("sandbox").payments_between(database_now(), database_now()))


def test_customers_pass_before_the_sweep(
    sandbox: SandboxServer, settings: Settings, burst: Callable[[int], None]
) -> None:
    """Whatever the sweep has taken, `BURST_CALLS` slots are left for those who wait."""
    limit(settings, 1)
    burst(3)
    permits.grant("sandbox", 64, database_now())

    assert [permits.permit("sandbox") for _ in range(5)] == [True] * 3 + [False] * 2
    assert permits.grant("sandbox", 64, database_now()).starts_s == ()


def test_a_customer_waits_for_a_slot_only_if_it_is_near(
    sandbox: SandboxServer, settings: Settings, burst: Callable[[int], None]
) -> None:
    """`wait_s` at the most."""
    limit(settings, 5)
    burst(0)
    assert permits.permit("sandbox")

    assert not permits.permit("sandbox", wait_s=0.05)
    started = time.monotonic()
    assert permits.permit("sandbox", wait_s=0.5)
    assert 0.1 < time.monotonic() - started < 0.4


def test_slots_that_are_not_used_go_back(sandbox: SandboxServer, settings: Settings) -> None:
    """An idle sweep must not use the limit up; but what later ones were taken after stays taken."""
    limit(settings, 100)
    granted = permits.grant("sandbox", 10, database_now())
    assert (len(granted.starts_s), granted.slots_end_at) == (10, state().next_slot_at)

    permits.settle("sandbox", granted, 4)
    assert granted.slots_end_at == state().next_slot_at + timedelta(seconds=0.06)

    permits.grant("sandbox", 2, database_now())
    taken = state().next_slot_at
    permits.settle("sandbox", granted, 0)
    assert state().next_slot_at == taken


def test_calling_off_takes_three_slots(sandbox: SandboxServer, settings: Settings) -> None:
    """Ask, cancel, ask again: each is a call."""
    pending(6, due_for_s=5)
    Payment.objects.update(window_ends_at=database_now())
    sandbox.journal.clear()
    limit(settings, 20)

    assert payment_sweep.check_due("sandbox", 20) == 6

    called = moments(sandbox)
    assert len(called) == 12
    assert max(called) - min(called) > 15 / 20 - 0.1
    assert set(Payment.objects.values_list("status", flat=True)) == {Status.EXPIRED}


def test_a_checkout_without_a_slot_is_left_to_the_sweep(
    shop: Shop, settings: Settings, burst: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody waits, and nothing is lost: the payment is due at once, and no claim is counted."""
    monkeypatch.setattr(payments, "PATIENCE_S", 0.1)
    limit(settings, 1)
    burst(0)
    assert permits.permit("sandbox")

    _, payment = shop.order()

    assert (payment.status, payment.pay_url, payment.claims, payment.errors) == (Status.CREATED, "", 0, 0)
    assert payment.next_check_at is not None
    assert payment.next_check_at <= database_now()
    limit(settings, 0)
    payment_sweep.check_due("sandbox", 5)
    assert shop.fresh(payment).pay_url


def test_a_low_limit_starves_no_track(sandbox: SandboxServer, settings: Settings) -> None:
    """Room for one at a time: two of three are young."""
    settings.FAST_TRACK_INTERVAL_S = 60
    pending(9, due_for_s=600, age_s=3_000)
    old = set(Payment.objects.values_list("provider_ref", flat=True))
    pending(9, due_for_s=5)
    sandbox.journal.clear()
    limit(settings, 7)

    payment_sweep.check_due("sandbox", 1.3)

    assert [ref in old for ref in looked_at(sandbox)[:6]].count(True) in (1, 2, 3)
