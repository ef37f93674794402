"""Lanes: who is looked at first, how many at once, and what a provider that hangs can hold up."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import dramatiq
import pytest
from django.db.models import F
from pytest_django.fixtures import Settings

from billing.models import Attention, Payment
from billing.payments import sweep
from billing.payments.check import CHECK_QUEUE
from billing.sandbox import SandboxServer
from billing.states import Status
from config.due.queue import DEATHS_ALLOWED, database_now
from config.messaging.nudges import publisher
from tests.accounts import looked_at, pending
from tests.shop import Shop
from tests.stack.ports import wait_until
from tests.threads import in_thread


@pytest.fixture
def narrow(settings: Settings, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lanes for six calls at once, which take no more before all six are answered, however slow the machine is."""
    settings.PAYMENT_CHECK_CONCURRENCY = 6
    monkeypatch.setattr(sweep, "CLAIM_AGAIN_S", 20.0)


@pytest.fixture(autouse=True)
def _clean_books(sandbox: SandboxServer) -> None:
    sandbox.journal.clear()


def test_a_backlog_of_old_payments_does_not_starve_a_new_one(narrow: None, sandbox: SandboxServer) -> None:
    """Customers who wait now have two thirds of the very next batch."""
    pending(40, due_for_s=600, age_s=3_000)
    new = pending(4, due_for_s=0.1)

    sweep.check_due("sandbox", 20)

    assert {payment.provider_ref for payment in new} <= set(looked_at(sandbox)[:6])


def test_a_crowd_of_new_payments_does_not_starve_an_old_one(narrow: None, sandbox: SandboxServer) -> None:
    """A third of the lane goes by waiting time alone."""
    (old,) = pending(1, due_for_s=600, age_s=3_000)
    pending(40, due_for_s=1)

    sweep.check_due("sandbox", 20)

    assert old.provider_ref in looked_at(sandbox)[:6]


def test_everything_that_is_due_is_looked_at_once(narrow: None, sandbox: SandboxServer) -> None:
    """However much more it is than fits at a time."""
    payments = pending(40, due_for_s=5)

    assert sweep.check_due("sandbox", 20) == 40

    assert sorted(looked_at(sandbox)) == sorted(payment.provider_ref for payment in payments)


def test_a_lane_is_never_fuller_than_it_may_be(narrow: None, sandbox: SandboxServer) -> None:
    """Twenty calls of 100 ms, six at a time, take four rounds."""
    pending(20, due_for_s=5)
    sandbox.fault("status", "delay", delay_ms=100)
    started = time.monotonic()

    sweep.check_due("sandbox", 20)

    assert time.monotonic() - started >= 0.4


def test_when_the_time_is_used_up_the_rest_stays_in_the_database(narrow: None, sandbox: SandboxServer) -> None:
    """What was begun is finished; nothing is claimed that is not begun."""
    pending(40, due_for_s=5)
    sandbox.fault("status", "delay", delay_ms=300)

    count = sweep.check_due("sandbox", 0.1)

    assert 0 < count < 40
    assert CHECK_QUEUE.due(database_now()).count() == 40 - count
    assert not Payment.objects.exclude(claims=0).exists()


def test_a_full_lane_asks_for_help(narrow: None) -> None:
    """Once: another process may join."""
    pending(20, due_for_s=5)
    sweep.check_due("sandbox", 20)

    publisher.flush(timeout_s=2)

    broker = dramatiq.get_broker()
    bodies = [broker.queues["urgent"].get_nowait() for _ in range(broker.queues["urgent"].qsize())]
    asked = [dramatiq.Message.decode(body) for body in bodies]
    assert [message.args for message in asked if message.actor_name == "check_pending_payments"] == [("sandbox",)]


def test_one_thread_of_a_process_works_off_a_lane(narrow: None, sandbox: SandboxServer) -> None:
    """The next tick finds it busy and leaves at once."""
    pending(6, due_for_s=5)
    sandbox.fault("status", "delay", delay_ms=2_000)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(in_thread, sweep.check_due, "sandbox", 20)
        wait_until(lambda: looked_at(sandbox), "the first one was at work")
        assert sweep.check_due("sandbox", 20) == 0
        assert not first.done()
        assert first.result() == 6


def test_a_provider_that_hangs_holds_up_no_other(
    narrow: None, sandbox: SandboxServer, other: SandboxServer, settings: Settings
) -> None:
    """Each has its own lane."""
    pending(12, due_for_s=60)
    pending(12, due_for_s=1, name="other")
    sandbox.fault("status", "hang", hang_s=30)
    assert sweep.accounts_with_due_payments() == ["other", "sandbox"]
    with ThreadPoolExecutor(1) as pool:
        hanging = pool.submit(in_thread, sweep.check_due, "sandbox", 20)
        started = time.monotonic()
        assert sweep.check_due("other", 20) == 12
        assert time.monotonic() - started < settings.PAYMENT_API_TIMEOUT_S, "no call had ended by then"
        assert not hanging.done()
        hanging.result()


def test_looks_outside_the_lane_take_two_threads_at_the_most(sandbox: SandboxServer) -> None:
    """A flood of callbacks about a provider that hangs must not take every thread; the sweep does what is left."""
    payments = pending(3, due_for_s=1)
    sandbox.fault("status", "hang", hang_s=30)
    with ThreadPoolExecutor(2) as pool:
        hanging = [pool.submit(in_thread, sweep.check_one, payment.pk) for payment in payments[:2]]
        wait_until(lambda: len(looked_at(sandbox)) == 2, "both were being looked at")
        assert sweep.check_one(payments[2].pk) is False
        assert [look.result() for look in hanging] == [True, True]


def test_what_a_dead_worker_left_is_looked_at_one_by_one(sandbox: SandboxServer) -> None:
    """If one of them killed it, no other is blamed."""
    payments = pending(3, due_for_s=5)
    Payment.objects.update(claims=1)
    sandbox.fault("status", "delay", delay_ms=100)
    started = time.monotonic()

    assert sweep.check_due("sandbox", 20) == 3

    assert time.monotonic() - started >= 0.3
    assert not Payment.objects.exclude(claims=0).exists()
    assert len(looked_at(sandbox)) == len(payments)


def test_a_payment_that_killed_three_workers_is_left_alone_for_long(sandbox: SandboxServer) -> None:
    """A person must look; the row is still looked at, slowly, and an answer clears the matter."""
    (payment,) = pending(1, due_for_s=5)
    Payment.objects.update(claims=DEATHS_ALLOWED)

    assert sweep.check_due("sandbox", 20) == 0

    parked = Payment.objects.get(pk=payment.pk)
    assert (parked.attention, parked.status) == (Attention.WORKERS_LOST, Status.PENDING)
    assert parked.next_check_at is not None
    assert parked.next_check_at > database_now() + timedelta(minutes=9)
    assert looked_at(sandbox) == []

    Payment.objects.update(next_check_at=F("next_check_at") - timedelta(minutes=11))
    assert sweep.check_due("sandbox", 20) == 1
    cleared = Payment.objects.get(pk=payment.pk)
    assert (cleared.attention, cleared.claims) == (Attention.NONE, 0)


def test_a_payment_of_a_provider_that_is_gone_is_seen(sandbox: SandboxServer) -> None:
    """It is counted and put off like any other error; nothing else stops for it."""
    (payment,) = pending(1, due_for_s=5)
    Payment.objects.update(account="gone")

    assert sweep.check_due("gone", 20) == 1

    assert Payment.objects.get(pk=payment.pk).errors == 1


def test_a_lane_writes_down_what_it_found(shop: Shop) -> None:
    """An outcome ends the payment, in the batch like alone."""
    _, payment = shop.order()
    shop.buyer(payment, "pay")
    shop.let_time_pass(6)

    assert sweep.check_due("sandbox", 5) == 1
    assert shop.fresh(payment).status == Status.SUCCEEDED
