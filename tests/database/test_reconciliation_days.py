"""Days are compared each night, page by page, until nothing of them will change any more."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models import F
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from actors.payments import reconcile_payments
from billing.errors import CannotReconcile, NotOffered
from billing.models import Difference, Payment, Reconciliation
from billing.providers import REGISTRY, provider_of
from billing.providers.base import Account
from billing.providers.sandbox import Sandbox
from billing.reconciliation import differences
from billing.reconciliation import runs as reconciliation_runs
from billing.reconciliation.day import RECONCILIATION_QUEUE, Ending, ReconciledDay
from billing.states import Status
from config.due import shutting_down
from config.due.queue import ClaimLost, database_now
from tests.books import Kind, State, made_yesterday, many, noon, only, reconcile, stranger, was_made, yesterday
from tests.shop import Shop, sandbox_account
from tests.threads import at_once

# --- once more -------------------------------------------------------------------------------------------------------


def test_twice_the_same_day_makes_the_same_rows(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    """One row per day and one per difference, and no second alarm."""
    stranger(shop)
    shop.sandbox.force(made_yesterday(shop, "pay").provider_ref, "canceled")

    reconcile()
    first = set(Difference.objects.values_list("pk", "state"))
    caplog.clear()
    reconcile()

    assert set(Difference.objects.values_list("pk", "state")) == first
    assert len(first) == 2
    assert Reconciliation.objects.count() == 1
    assert "difference.parked" not in caplog.messages


def test_a_difference_that_is_gone_is_mended(shop: Shop) -> None:
    """The provider put it right; nobody need look any more. And back it comes, if it does."""
    payment = made_yesterday(shop, "pay")
    shop.sandbox.force(payment.provider_ref, "canceled")
    reconcile()
    assert only().state == State.PARKED

    shop.sandbox.force(payment.provider_ref, "succeeded")
    reconcile()
    assert only().state == State.MENDED

    shop.sandbox.force(payment.provider_ref, "canceled")
    reconcile()
    assert only().state == State.PARKED


def test_what_a_person_has_decided_stays_decided_until_it_is_something_else(shop: Shop) -> None:
    """With their name and reason."""
    payment = made_yesterday(shop, "pay")
    shop.sandbox.force(payment.provider_ref, "canceled")
    reconcile()

    assert differences.resolve(only().pk, "ann", "the bank has confirmed it")
    reconcile()
    assert (only().state, only().decided_by, only().why) == (State.RESOLVED, "ann", "the bank has confirmed it")

    shop.sandbox.force(payment.provider_ref, "failed")
    reconcile()
    assert only().state == State.PARKED


def test_only_what_is_parked_can_be_resolved_and_only_with_a_reason(shop: Shop) -> None:
    """A difference that was mended needs nobody."""
    payment = made_yesterday(shop)
    shop.buyer(payment, "pay")
    reconcile()

    assert not differences.resolve(only().pk, "ann", "done")
    with pytest.raises(ValueError, match="needs a name and a reason"):
        differences.resolve(only().pk, "ann", " ")


def test_two_at_once_compare_it_once(shop: Shop) -> None:
    """The second is told that somebody is at it, or finds everything done."""
    stranger(shop)
    shop.sandbox.fault("list", "delay", delay_ms=1_500)

    def run() -> str:
        try:
            return str(reconciliation_runs.reconcile("sandbox", yesterday()))
        except CannotReconcile as error:
            return str(error)

    said = at_once(run, run)

    assert sorted("another process" in each for each in said) == [False, True]
    assert Difference.objects.count() == Reconciliation.objects.count() == 1


# --- many ------------------------------------------------------------------------------------------------------------


def test_a_thousand_payments_are_compared_page_by_page(shop: Shop) -> None:
    """Ten pages, no query per payment, and no question about any of them."""
    many(shop, 1_000)
    before = len(shop.sandbox.requests())

    with CaptureQueriesContext(
        connection,
    ) as queries:
        run = reconcile()

    assert (run.there, run.here, Difference.objects.count()) == (1_000, 1_000, 0)
    assert len(shop.sandbox.requests()) - before == 10 + 2  # the lists of refunds and disputes
    assert len(queries) < 10 * 10 + 30


def test_a_provider_that_fails_in_the_middle_leaves_the_day_for_later(shop: Shop) -> None:
    """What was found is kept; the wait grows; the next go through finds the rest."""
    stranger(shop)
    many(shop, 150)
    stranger(shop, reference="another")
    fault = shop.sandbox.fault("list", "status_500", every=2)

    run = reconciliation_runs.reconcile("sandbox", yesterday())
    assert (run.compared_at, run.errors, Difference.objects.count()) == (None, 1, 1)
    assert "500" in run.error
    assert run.reconcile_after is not None
    assert timedelta(minutes=4) < run.reconcile_after - database_now() <= timedelta(minutes=5)

    shop.sandbox.clear_faults(fault)
    run = reconcile()
    assert (run.there, run.errors, Difference.objects.count()) == (152, 0, 2)


@pytest.mark.usefixtures("night")
def test_a_worker_that_must_end_gives_the_day_back(shop: Shop) -> None:
    """It is due at once for somebody else, and nothing is counted against it."""
    made_yesterday(shop, "pay")
    _, payment = shop.order()
    was_made(shop, payment)
    reconciliation_runs.plan(database_now())
    [run] = RECONCILIATION_QUEUE.claim_batch(1)
    shutting_down.set()

    RECONCILIATION_QUEUE.work_on(run, reconciliation_runs._work)

    run.refresh_from_db()
    assert (run.claims, run.compared_at) == (0, None)
    assert run.reconcile_after is not None
    assert run.reconcile_after <= database_now()


def test_a_worker_that_must_end_looks_at_nothing_more(shop: Shop) -> None:
    """The list was compared, and what was found is for the next one to mend."""
    payment = made_yesterday(shop)
    shop.buyer(payment, "pay")
    day = ReconciledDay(_claimed(), lambda _: None)
    day.compare()
    shutting_down.set()

    with pytest.raises(Ending):
        day.mend()

    assert (only().state, shop.fresh(payment).status) == (State.OPEN, Status.PENDING)


def test_each_step_holds_the_day_for_longer(shop: Shop) -> None:
    """So a day may take as long as it takes."""
    stranger(shop)
    run = _claimed()
    held_until = run.reconcile_after

    ReconciledDay(run, lambda _: None).compare()

    assert held_until is not None
    assert shop.fresh(run).reconcile_after == run.reconcile_after
    assert run.reconcile_after is not None
    assert run.reconcile_after > held_until


def test_who_watches_is_told_how_many_were_compared(shop: Shop) -> None:
    """A page of theirs, and then what of ours was not on it."""
    stranger(shop)
    for _ in range(2):
        was_made(shop, made_yesterday(shop), noon(), there=noon() - timedelta(days=1))
    told: list[int] = []

    ReconciledDay(_claimed(), told.append).compare()

    assert told == [1, 2]


def test_whoever_has_lost_the_day_writes_nothing(shop: Shop) -> None:
    """Somebody else compares it by now."""
    stranger(shop)
    run = _claimed()
    Reconciliation.objects.update(reconcile_after=F("reconcile_after") + timedelta(seconds=1))

    with pytest.raises(ClaimLost):
        ReconciledDay(run, lambda _: None).compare()

    assert not Difference.objects.exists()


def test_a_provider_without_a_list_is_compared_from_our_side(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of our payments is asked about, and the row says so. A stranger's money is not to be seen."""
    monkeypatch.setitem(REGISTRY, "sandbox", WithoutList)
    payment = made_yesterday(shop)
    shop.buyer(payment, "pay")
    made_yesterday(shop, "pay")
    stranger(shop)

    run = reconcile()

    assert (run.listed, run.there, run.here) == (False, 0, 2)
    assert (only().payment, only().state) == (payment, State.MENDED)


def test_a_list_that_is_offered_at_last_is_said_to_be(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """The row tells how the day was compared the last time."""
    made_yesterday(shop, "pay")
    provider_of.cache_clear()
    with monkeypatch.context() as patched:
        patched.setitem(REGISTRY, "sandbox", WithoutList)
        assert not reconcile().listed
    provider_of.cache_clear()

    assert reconcile().listed


class WithoutList(Sandbox):
    """An adapter whose provider has no such call."""

    def __init__(self, account: Account) -> None:
        super().__init__(account)

    def payments_between(self, start: datetime, end: datetime) -> Any:
        raise NotOffered("there is no list")


# --- which payments --------------------------------------------------------------------------------------------------


def test_a_day_has_the_payments_of_that_day_and_account_and_no_others(shop: Shop, settings: Settings) -> None:
    """Its first moment belongs to it, and the first moment after it does not."""
    settings.PAYMENT_ACCOUNTS = {**settings.PAYMENT_ACCOUNTS, "second": sandbox_account(shop.sandbox)}
    midnight = noon() - timedelta(hours=12)
    instant = timedelta(microseconds=1)
    for at in (midnight - instant, midnight, midnight + timedelta(days=1) - instant, midnight + timedelta(days=1)):
        was_made(shop, shop.order()[1], at)

    assert reconcile().here == 2
    assert reconciliation_runs.payments_of("sandbox", yesterday()) == 2
    assert reconciliation_runs.reconcile("second", yesterday()).here == 0


def test_the_very_first_payment_of_a_shop_is_compared_too(shop: Shop) -> None:
    """Its key is 1."""
    [first] = many(shop, 1, pk=1)
    Payment.objects.update(provider_ref="sb_gone")

    assert reconcile().here == 1
    assert (only().kind, only().payment) == (Kind.MISSING, first)


def test_only_what_was_not_listed_is_asked_about(shop: Shop) -> None:
    """And of that only what there is an id for; the rest is for its ordinary looks."""
    listed, unlisted, nameless = made_yesterday(shop), made_yesterday(shop), made_yesterday(shop)
    was_made(shop, unlisted, noon(), there=noon() - timedelta(days=1))
    was_made(shop, nameless, noon(), there=noon() - timedelta(days=1))
    Payment.objects.filter(pk=nameless.pk).update(provider_ref="")
    before = len(shop.sandbox.requests())

    run = reconcile()

    assert (run.there, run.here, Difference.objects.count()) == (1, 3, 0)
    assert (shop.questions(listed), shop.questions(unlisted)) == (0, 1)
    assert len(shop.sandbox.requests()) - before == 2 + 2  # the lists of refunds and disputes


# --- when ------------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("night")
def test_every_day_that_is_over_is_compared(shop: Shop) -> None:
    """Since the account's first payment; the second look finds nothing to do until tonight."""
    was_made(shop, made_yesterday(shop, "pay"), noon() - timedelta(days=3))

    reconcile_payments.fn()

    runs = Reconciliation.objects.order_by("day")
    assert [run.day for run in runs] == [yesterday() - timedelta(days=number) for number in (3, 2, 1, 0)][-len(runs) :]
    assert all(run.compared_at for run in runs)
    before = len(shop.sandbox.requests())
    reconcile_payments.fn()
    assert len(shop.sandbox.requests()) == before


def test_a_day_is_compared_three_nights_and_longer_while_a_difference_stands(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Money may come late. Each time on the night's own hour, until nothing is expected any more."""
    was_made(shop, made_yesterday(shop, "pay"), noon() - timedelta(days=2))
    stranger(shop)

    fresh = reconcile()
    old = reconciliation_runs.reconcile("sandbox", yesterday() - timedelta(days=2))
    assert old.reconcile_after is None
    assert fresh.reconcile_after is not None
    assert fresh.reconcile_after.astimezone(UTC).hour == 1
    assert fresh.reconcile_after - database_now() < timedelta(hours=25)

    monkeypatch.setattr(reconciliation_runs, "NIGHTS", 1)
    assert reconcile().reconcile_after is not None  # the stranger's money stands
    differences.resolve(only().pk, "ann", "not ours")
    assert reconcile().reconcile_after is None


def test_old_days_are_left_to_be_asked_for_by_hand(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody's provider gets years of questions on the first night."""
    monkeypatch.setattr(reconciliation_runs, "DAYS_BACK", 5)
    was_made(shop, made_yesterday(shop, "pay"), noon() - timedelta(days=50))

    reconciliation_runs.plan(noon() + timedelta(days=1))

    assert min(Reconciliation.objects.values_list("day", flat=True)) == yesterday() - timedelta(days=5)
    old = reconciliation_runs.reconcile("sandbox", yesterday() - timedelta(days=50))
    assert (old.here, old.there) == (1, 1)


def test_a_day_is_left_alone_until_the_night_has_begun(shop: Shop) -> None:
    """An hour after its end in UTC."""
    made_yesterday(shop)
    midnight = noon() + timedelta(hours=12)

    assert reconciliation_runs.plan(midnight + timedelta(minutes=59)) == 0
    assert reconciliation_runs.plan(midnight + timedelta(minutes=61)) == 1
    assert reconciliation_runs.plan(midnight + timedelta(minutes=61)) == 0


@pytest.mark.usefixtures("night")
def test_a_day_whose_worker_died_comes_again_and_not_for_ever(shop: Shop) -> None:
    """After three of them the day waits, and says why."""
    made_yesterday(shop)
    reconciliation_runs.plan(database_now())
    for _ in range(3):
        assert RECONCILIATION_QUEUE.claim_one(Reconciliation.objects.get().pk)
        Reconciliation.objects.update(reconcile_after=F("reconcile_after") - RECONCILIATION_QUEUE.lease)

    reconciliation_runs.reconcile_due(10)

    run = Reconciliation.objects.get()
    assert (run.error, run.compared_at) == ("3 workers were lost while they compared it", None)


@pytest.mark.parametrize(
    ("account", "days_later", "why"),
    [
        ("sandbox", 1, "is not over yet in UTC"),
        ("sandbox", 9, "is not over yet in UTC"),
        ("piggybank", 0, "is not an account: write one of sandbox"),
    ],
)
def test_what_cannot_be_compared_is_refused_with_a_sentence(
    shop: Shop, account: str, days_later: int, why: str
) -> None:
    """And leaves no row."""
    with pytest.raises(CannotReconcile, match=why):
        reconciliation_runs.reconcile(account, yesterday() + timedelta(days=days_later))
    assert not Reconciliation.objects.exists()


def test_the_actor_takes_a_day_and_refuses_what_is_none(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    """A wrong day is said once, and not tried again."""
    made_yesterday(shop)
    reconcile_payments.fn(yesterday().isoformat())
    assert Reconciliation.objects.get().compared_at is not None

    for wrong in ("tomorrow", "2099-01-01"):
        reconcile_payments.fn(wrong)
    assert caplog.messages.count("reconciliation.refused") == 2


def test_two_accounts_are_compared_each_with_its_own(shop: Shop, settings: Settings) -> None:
    """The same provider twice: what is known in one account is a stranger in the other."""
    settings.PAYMENT_ACCOUNTS = {**settings.PAYMENT_ACCOUNTS, "second": sandbox_account(shop.sandbox)}
    made_yesterday(shop, "pay")

    reconcile()
    assert not Difference.objects.exists()

    reconciliation_runs.reconcile("second", yesterday())
    assert (only().account, only().kind) == ("second", Kind.UNKNOWN)


def _claimed() -> Reconciliation:
    """Yesterday, held by this test."""
    run = RECONCILIATION_QUEUE.claim_one(reconciliation_runs.compare_again("sandbox", yesterday()).pk)
    assert run is not None
    return run
