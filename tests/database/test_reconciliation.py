"""Reconciliation: the provider's books and ours, compared in both directions, over real HTTP."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.auth.models import Permission, User
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models import F
from django.db.models.functions import Now
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from pytest_django import Settings

from actors.payments import reconcile_payments
from billing import differences, reconciliation
from billing.errors import CannotReconcile, NotOffered
from billing.models import AskedBy, Attention, Difference, Payment, Reconciliation
from billing.providers import REGISTRY, Account
from billing.providers.sandbox import Sandbox
from billing.reconciled_day import RECONCILIATIONS
from billing.sandbox.ledger import Claim
from billing.sandbox.payment import Money as SandboxMoney
from billing.sandbox.payment import Payment as SandboxPayment
from billing.states import Status
from commerce.models import OrderStatus
from config.due import database_now
from config.ending import ending
from tests.shop import Shop, sandbox_account
from tests.threads import at_once

State, Kind = Difference.State, Difference.Kind

YESTERDAY = datetime.now(UTC).date() - timedelta(days=1)
NOON = datetime.combine(YESTERDAY, datetime.min.time(), tzinfo=UTC) + timedelta(hours=12)


def was_made(shop: Shop, payment: Payment, at: datetime = NOON, there: datetime | None = None) -> Payment:
    """The payment was made at that moment, here and there."""
    Payment.objects.filter(pk=payment.pk).update(created_at=at)
    if payment.provider_ref:
        ledger = shop.sandbox.ledger
        ledger._keep(replace(ledger.find(payment.provider_ref), created_at=there or at))
    return shop.fresh(payment)


def made_yesterday(shop: Shop, action: str = "") -> Payment:
    """A payment of yesterday, on which the buyer did something that we have seen; nothing: it is pending."""
    _, payment = shop.order()
    if action:
        shop.buyer(payment, action)
        shop.sweep_now(payment)
    return was_made(shop, payment)


def stranger(shop: Shop, status: str = "succeeded", reference: str = "of-another-shop", amount: str = "9.90") -> str:
    """A payment that was made at the provider yesterday, and not by us."""
    draft = SandboxPayment(
        id=f"sb_stranger_{reference}_{status}_{len(shop.sandbox.ledger.all())}",
        amount=SandboxMoney(amount, "EUR"),
        reference=reference,
        description="",
        return_url="",
        callback_url="",
        created_at=NOON,
        expires_at=NOON + timedelta(days=3),
        status=status,
    )
    return shop.sandbox.ledger.create(Claim(draft.id, "x"), draft)[0].id


def reconcile() -> Reconciliation:
    """Yesterday, compared to its end."""
    run = reconciliation.reconcile("sandbox", YESTERDAY)
    assert (run.error, run.compared_at is not None) == ("", True)
    return run


def only() -> Difference:
    """The one difference that was found."""
    return Difference.objects.get()


def asked(shop: Shop, payment: Payment) -> int:
    """How often the provider was asked about this payment."""
    return len([each for each in shop.sandbox.requests(payment.provider_ref) if each["method"] == "GET"])


# --- nothing differs -------------------------------------------------------------------------------------------------


def test_where_both_say_the_same_there_is_no_difference(shop: Shop) -> None:
    """Every state that a payment may have, at both ends; nobody is asked about any of them."""
    made = [made_yesterday(shop, action) for action in ("", "pay", "cancel", "decline", "authorize")]
    before = sum(asked(shop, payment) for payment in made)

    run = reconcile()

    assert (run.there, run.here, run.listed) == (5, 5, True)
    assert not Difference.objects.exists()
    assert sum(asked(shop, payment) for payment in made) == before


def test_what_we_let_expire_and_they_call_cancelled_is_the_same(shop: Shop) -> None:
    """Without money all ends are one."""
    _, payment = shop.order()
    shop.let_time_pass(3_700)
    shop.sweep()
    assert was_made(shop, payment).status == Status.EXPIRED

    reconcile()

    assert not Difference.objects.exists()


def test_a_payment_of_midnight_belongs_to_one_day_and_is_no_difference(shop: Shop) -> None:
    """Made here at 23:59:59 and there a second later, and paid after midnight: they agree."""
    midnight = NOON + timedelta(hours=12)
    _, payment = shop.order()
    payment = was_made(shop, payment, midnight - timedelta(seconds=1), there=midnight)
    shop.buyer(payment, "pay")
    shop.sweep_now(payment)

    run = reconcile()

    assert (run.here, run.there) == (1, 0)
    assert not Difference.objects.exists()


def test_a_payment_there_without_money_is_not_our_business(shop: Shop) -> None:
    """Somebody tried to pay, and nothing came of it."""
    for status in ("pending", "canceled", "expired", "failed"):
        stranger(shop, status)

    assert reconcile().there == 4
    assert not Difference.objects.exists()


# --- there and not here ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["succeeded", "authorized"])
def test_money_there_that_nobody_here_knows_of_waits_for_a_person(
    shop: Shop, status: str, caplog: pytest.LogCaptureFixture
) -> None:
    """It is never passed over, and it is loud."""
    provider_ref = stranger(shop, status)

    reconcile()

    difference = only()
    assert (difference.kind, difference.state, difference.payment) == (Kind.UNKNOWN, State.PARKED, None)
    assert (difference.provider_ref, difference.reference) == (provider_ref, "of-another-shop")
    assert (difference.ours, difference.theirs) == ("", f"{status}, 9.90 EUR")
    assert "difference.parked" in caplog.messages


def test_a_second_payment_there_under_our_reference_is_found(shop: Shop) -> None:
    """The first is ours; the second has money, and it may be the same customer's."""
    payment = made_yesterday(shop, "pay")
    second = stranger(shop, reference=payment.reference, amount="4.50")

    reconcile()

    assert (only().kind, only().provider_ref, only().reference) == (Kind.UNKNOWN, second, payment.reference)


def test_in_a_shared_account_only_what_has_our_reference_is_ours(shop: Shop, settings: Settings) -> None:
    """The money of others is counted, so that it is not silent."""
    settings.RECONCILIATION_SHARED_ACCOUNTS = ["sandbox"]
    payment = made_yesterday(shop, "pay")
    second = stranger(shop, reference=payment.reference)
    stranger(shop)

    run = reconcile()

    assert (only().provider_ref, run.foreign) == (second, 1)


def test_a_status_there_that_we_cannot_read_may_mean_money(shop: Shop) -> None:
    """A word of tomorrow's is parked like money."""
    stranger(shop, "pending")
    shop.sandbox.fault("list", "unknown_status")

    reconcile()

    assert (only().kind, only().state) == (Kind.UNKNOWN, State.PARKED)
    assert only().theirs == "'levitating', a word we do not know, 9.90 EUR"


# --- here and not there ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("action", ["", "pay"])
def test_a_payment_that_the_provider_does_not_know_waits_for_a_person(shop: Shop, action: str) -> None:
    """Open or paid here, and nothing there."""
    payment = was_made(shop, made_yesterday(shop, action), NOON, there=NOON - timedelta(days=9))
    Payment.objects.update(provider_ref="sb_gone")

    reconcile()

    assert (only().kind, only().state, only().payment) == (Kind.MISSING, State.PARKED, payment)
    assert (only().ours, only().theirs) == (f"{payment.status}, 4.50 EUR", "HTTP 404 not_found")


def test_a_payment_without_money_that_the_provider_forgot_is_no_difference(shop: Shop) -> None:
    """They may throw such payments away."""
    made_yesterday(shop, "cancel")
    Payment.objects.update(provider_ref="sb_gone")

    reconcile()

    assert not Difference.objects.exists()


# --- the states differ -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("action", "status"), [("pay", Status.SUCCEEDED), ("cancel", Status.CANCELED), ("decline", Status.FAILED)]
)
def test_an_open_payment_that_has_ended_there_is_mended_by_a_look(shop: Shop, action: str, status: Status) -> None:
    """By the same function as ever: the event is written, and the shop is told."""
    payment = made_yesterday(shop)
    shop.buyer(payment, action)

    reconcile()

    payment = shop.fresh(payment)
    assert (payment.status, payment.found_by) == (status, AskedBy.RECONCILIATION)
    assert payment.events.filter(target=status, settle_after__isnull=False).exists()
    assert (only().kind, only().state, only().ours, only().theirs) == (Kind.STATUS, State.MENDED, "pending", status)


@pytest.mark.parametrize("action", ["cancel", "decline"])
def test_late_money_is_found(shop: Shop, action: str) -> None:
    """Ours ended unpaid, theirs was paid after all: no callback came, and the money is booked all the same."""
    payment = made_yesterday(shop, action)
    shop.sandbox.force(payment.provider_ref, "succeeded")

    reconcile()
    shop.sweep()

    payment = shop.fresh(payment)
    assert (payment.status, payment.found_by) == (Status.SUCCEEDED, AskedBy.RECONCILIATION)
    assert shop.fresh(_order(payment)).status == OrderStatus.PAID
    assert only().state == State.MENDED


@pytest.mark.parametrize("theirs", ["canceled", "failed", "pending"])
def test_money_here_that_is_not_there_waits_for_a_person(shop: Shop, theirs: str) -> None:
    """A later failure undoes nothing here, and nobody overlooks it."""
    payment = made_yesterday(shop, "pay")
    shop.sandbox.force(payment.provider_ref, theirs)

    reconcile()

    assert shop.fresh(payment).status == Status.SUCCEEDED
    assert (only().kind, only().state) == (Kind.STATUS, State.PARKED)
    assert (only().ours, only().theirs) == ("succeeded", theirs)


def test_a_payment_that_ended_here_and_can_still_be_paid_there_waits_for_a_person(shop: Shop) -> None:
    """Nobody asks about it any more, so somebody must know."""
    payment = made_yesterday(shop, "cancel")
    shop.sandbox.force(payment.provider_ref, "pending")

    reconcile()

    assert (only().kind, only().state, only().theirs) == (Kind.STATUS, State.PARKED, "pending")


def test_a_payment_whose_id_we_never_learned_is_known_by_its_reference(shop: Shop) -> None:
    """The answer to creating it was lost, and the buyer has paid."""
    shop.sandbox.fault("create", "lost_answer", times=1)
    order, payment = shop.order()
    theirs = next(each for each in shop.sandbox.payments() if each["reference"] == order.public_id)
    shop.sandbox.act(theirs["id"], "pay")
    was_made(shop, payment)
    shop.sandbox.ledger._keep(replace(shop.sandbox.ledger.find(theirs["id"]), created_at=NOON))

    reconcile()

    payment = shop.fresh(payment)
    assert (payment.status, payment.provider_ref) == (Status.SUCCEEDED, theirs["id"])
    assert (only().kind, only().state, only().ours) == (Kind.STATUS, State.MENDED, "created")


def test_what_moved_while_the_list_was_read_is_no_alarm(shop: Shop) -> None:
    """The list was read before the money came, the payment after it: asked once more, they agree."""
    payment = made_yesterday(shop, "pay")
    shop.sandbox.fault("list", "unknown_status")

    reconcile()

    assert (only().state, shop.fresh(payment).status) == (State.MENDED, Status.SUCCEEDED)


def test_a_payment_that_somebody_else_looks_at_stays_open_and_comes_soon(shop: Shop) -> None:
    """Neither mended nor parked: the day is compared again in five minutes."""
    payment = made_yesterday(shop)
    shop.buyer(payment, "pay")
    Payment.objects.update(next_check_at=Now() + timedelta(seconds=30), claims=1)

    run = reconcile()

    assert only().state == State.OPEN
    assert run.reconcile_after is not None
    assert timedelta(minutes=4) < run.reconcile_after - database_now() < timedelta(minutes=6)

    Payment.objects.update(next_check_at=Now(), claims=0)
    reconcile()
    assert (only().state, shop.fresh(payment).status) == (State.MENDED, Status.SUCCEEDED)


# --- the rest differs ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lie", "kind", "theirs"),
    [
        ("wrong_amount", Kind.AMOUNT, "5.50 EUR"),
        ("wrong_currency", Kind.AMOUNT, "4.50 USD"),
        ("wrong_reference", Kind.REFERENCE, "somebody-else-1"),
    ],
)
def test_money_that_is_not_what_we_asked_for_waits_for_a_person(shop: Shop, lie: str, kind: str, theirs: str) -> None:
    """However the state is."""
    payment = made_yesterday(shop, "pay")
    shop.sandbox.fault("list", lie)
    shop.sandbox.fault("status", lie)

    reconcile()

    assert (only().kind, only().state, only().theirs, only().payment) == (kind, State.PARKED, theirs, payment)


def test_an_open_payment_with_the_wrong_amount_is_not_booked(shop: Shop) -> None:
    """The look calls for attention, as ever; two differences stand."""
    payment = made_yesterday(shop)
    shop.buyer(payment, "pay")
    shop.sandbox.fault("list", "wrong_amount")
    shop.sandbox.fault("status", "wrong_amount")

    reconcile()

    payment = shop.fresh(payment)
    assert (payment.status, payment.attention) == (Status.PENDING, Attention.MISMATCH)
    assert set(Difference.objects.values_list("kind", "state")) == {
        (Kind.AMOUNT, State.PARKED),
        (Kind.STATUS, State.PARKED),
    }


def test_money_that_went_back_without_us_is_written_down(shop: Shop) -> None:
    """Somebody refunded it on the provider's own pages: the books agree once it is a refund here as well."""
    payment = made_yesterday(shop, "pay")
    shop.sandbox.ledger.refund(Claim("by hand", "x"), payment.provider_ref, SandboxMoney("1.50", "EUR"))

    reconcile()

    assert (only().kind, only().state) == (Kind.REFUNDS, State.MENDED)
    refund = payment.refunds.get()
    assert (refund.amount_minor, refund.status, refund.wanted_by) == (150, "succeeded", "provider")


def test_a_refund_of_ours_is_no_difference_while_it_is_on_its_way(shop: Shop) -> None:
    """Until it has ended, it may be in their sum or not."""
    payment = made_yesterday(shop, "pay")
    payment.refunds.create(
        amount_minor=150, wanted_by="ann", why="broken", status="pending", next_check_at=database_now()
    )
    Payment.objects.update(refunds_minor=150)
    reconcile()
    shop.sandbox.ledger.refund(Claim("ours", "x"), payment.provider_ref, SandboxMoney("1.50", "EUR"))
    reconcile()
    assert not Difference.objects.exists()

    payment.refunds.update(status="succeeded", next_check_at=None, ended_at=database_now())
    reconcile()
    assert not Difference.objects.exists()


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
    with pytest.raises(ValueError, match="for a reason"):
        differences.resolve(only().pk, "ann", " ")


def test_two_at_once_compare_it_once(shop: Shop) -> None:
    """The second is told that somebody is at it, or finds everything done."""
    stranger(shop)
    shop.sandbox.fault("list", "delay", delay_ms=300)

    def run() -> str:
        try:
            return str(reconciliation.reconcile("sandbox", YESTERDAY))
        except CannotReconcile as error:
            return str(error)

    said = at_once(run, run)

    assert sorted("somebody else" in each for each in said) == [False, True]
    assert Difference.objects.count() == Reconciliation.objects.count() == 1


# --- many ------------------------------------------------------------------------------------------------------------


def test_a_thousand_payments_are_compared_page_by_page(shop: Shop) -> None:
    """Ten pages, no query per payment, and no question about any of them."""
    _many(shop, 1_000)
    before = len(shop.sandbox.requests())

    with CaptureQueriesContext(
        connection,
    ) as queries:
        run = reconcile()

    assert (run.there, run.here, Difference.objects.count()) == (1_000, 1_000, 0)
    assert len(shop.sandbox.requests()) - before == 10
    assert len(queries) < 10 * 10 + 30


def test_a_provider_that_fails_in_the_middle_leaves_the_day_for_later(shop: Shop) -> None:
    """What was found is kept; the wait grows; the next go through finds the rest."""
    stranger(shop)
    _many(shop, 150)
    stranger(shop, reference="another")
    fault = shop.sandbox.fault("list", "status_500", every=2)

    run = reconciliation.reconcile("sandbox", YESTERDAY)
    assert (run.compared_at, run.errors, Difference.objects.count()) == (None, 1, 1)
    assert "500" in run.error
    assert run.reconcile_after is not None
    assert timedelta(minutes=4) < run.reconcile_after - database_now() <= timedelta(minutes=5)

    shop.sandbox.clear_faults(fault)
    run = reconcile()
    assert (run.there, run.errors, Difference.objects.count()) == (152, 0, 2)


def test_a_worker_that_must_end_gives_the_day_back(shop: Shop) -> None:
    """It is due at once for somebody else, and nothing is counted against it."""
    made_yesterday(shop, "pay")
    _, payment = shop.order()
    was_made(shop, payment)
    reconciliation.plan(database_now())
    [run] = RECONCILIATIONS.claim_batch(1)
    ending.set()

    RECONCILIATIONS.work_on(run, reconciliation._work)

    run.refresh_from_db()
    assert (run.claims, run.compared_at) == (0, None)
    assert run.reconcile_after is not None
    assert run.reconcile_after <= database_now()


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


class WithoutList(Sandbox):
    """An adapter whose provider has no such call."""

    def __init__(self, account: Account) -> None:
        super().__init__(account)

    def payments_between(self, start: datetime, end: datetime) -> Any:
        raise NotOffered("there is no list")


# --- when ------------------------------------------------------------------------------------------------------------


def test_every_day_that_is_over_is_compared(shop: Shop) -> None:
    """Since the account's first payment; the second look finds nothing to do until tonight."""
    was_made(shop, made_yesterday(shop, "pay"), NOON - timedelta(days=3))

    reconcile_payments.fn()

    runs = Reconciliation.objects.order_by("day")
    assert [run.day for run in runs] == [YESTERDAY - timedelta(days=number) for number in (3, 2, 1, 0)][-len(runs) :]
    assert all(run.compared_at for run in runs)
    before = len(shop.sandbox.requests())
    reconcile_payments.fn()
    assert len(shop.sandbox.requests()) == before


def test_a_day_is_compared_three_nights_and_longer_while_a_difference_stands(shop: Shop, settings: Settings) -> None:
    """Money may come late. Each time on the night's own hour, until nothing is expected any more."""
    settings.RECONCILIATION_DELAY_S = 3600
    was_made(shop, made_yesterday(shop, "pay"), NOON - timedelta(days=2))
    stranger(shop)

    fresh = reconcile()
    old = reconciliation.reconcile("sandbox", YESTERDAY - timedelta(days=2))
    assert old.reconcile_after is None
    assert fresh.reconcile_after is not None
    assert fresh.reconcile_after.astimezone(UTC).hour == 1
    assert fresh.reconcile_after - database_now() < timedelta(hours=25)

    settings.RECONCILIATION_NIGHTS = 1
    assert reconcile().reconcile_after is not None  # the stranger's money stands
    differences.resolve(only().pk, "ann", "not ours")
    assert reconcile().reconcile_after is None


def test_old_days_are_left_to_be_asked_for_by_hand(shop: Shop, settings: Settings) -> None:
    """Nobody's provider gets years of questions on the first night."""
    settings.RECONCILIATION_DAYS_BACK = 5
    was_made(shop, made_yesterday(shop, "pay"), NOON - timedelta(days=50))

    reconciliation.plan(NOON + timedelta(days=1))

    assert min(Reconciliation.objects.values_list("day", flat=True)) == YESTERDAY - timedelta(days=5)
    old = reconciliation.reconcile("sandbox", YESTERDAY - timedelta(days=50))
    assert (old.here, old.there) == (1, 1)


def test_a_day_is_left_alone_until_the_night_has_begun(shop: Shop, settings: Settings) -> None:
    """RECONCILIATION_DELAY_S after its end in UTC."""
    settings.RECONCILIATION_DELAY_S = 3600
    made_yesterday(shop)
    midnight = NOON + timedelta(hours=12)

    assert reconciliation.plan(midnight + timedelta(minutes=59)) == 0
    assert reconciliation.plan(midnight + timedelta(minutes=61)) == 1
    assert reconciliation.plan(midnight + timedelta(minutes=61)) == 0


def test_a_day_whose_worker_died_comes_again_and_not_for_ever(shop: Shop) -> None:
    """After three of them the day waits, and says why."""
    made_yesterday(shop)
    reconciliation.plan(database_now())
    for _ in range(3):
        assert RECONCILIATIONS.claim_one(Reconciliation.objects.get().pk)
        Reconciliation.objects.update(reconcile_after=F("reconcile_after") - RECONCILIATIONS.lease)

    reconciliation.reconcile_due(10)

    run = Reconciliation.objects.get()
    assert (run.error, run.compared_at) == ("3 workers did not come back from comparing it", None)


@pytest.mark.parametrize(
    ("account", "day", "why"),
    [
        ("sandbox", YESTERDAY + timedelta(days=1), "is not over yet in UTC"),
        ("sandbox", YESTERDAY + timedelta(days=9), "is not over yet in UTC"),
        ("piggybank", YESTERDAY, "is no account: write one of sandbox"),
    ],
)
def test_what_cannot_be_compared_is_refused_with_a_sentence(shop: Shop, account: str, day: date, why: str) -> None:
    """And leaves no row."""
    with pytest.raises(CannotReconcile, match=why):
        reconciliation.reconcile(account, day)
    assert not Reconciliation.objects.exists()


def test_the_actor_takes_a_day_and_refuses_what_is_none(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    """A wrong day is said once, and not tried again."""
    made_yesterday(shop)
    reconcile_payments.fn(YESTERDAY.isoformat())
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

    reconciliation.reconcile("second", YESTERDAY)
    assert (only().account, only().kind) == ("second", Kind.UNKNOWN)


# --- in the admin ----------------------------------------------------------------------------------------------------


def operator(client: Client, *permissions: str) -> Client:
    """Somebody who may do these things, logged in."""
    user = User.objects.create(username="sam", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client.force_login(user)
    return client


def test_a_person_resolves_a_difference_with_a_reason(shop: Shop, client: Client) -> None:
    """Asked for the reason first; then it stands there with their name."""
    stranger(shop)
    reconcile()
    sam = operator(client, "view_difference", "change_difference")
    changelist = reverse("admin:billing_difference_changelist")
    form = {"action": "resolve", ACTION_CHECKBOX_NAME: [only().pk]}
    assert "there and not here" in sam.get(changelist + "?state__exact=parked").content.decode()

    page = sam.post(changelist, form).content.decode()
    assert "9.90 EUR" in page
    assert only().state == State.PARKED

    sam.post(changelist, {**form, "why": "  a test of the bank's "})
    assert (only().state, only().decided_by, only().why) == (State.RESOLVED, "sam", "a test of the bank's")


def test_without_the_permission_nothing_is_resolved_or_compared(shop: Shop, client: Client) -> None:
    """Whoever may only look can only look."""
    stranger(shop)
    run = reconcile()
    due = run.reconcile_after
    sam = operator(client, "view_difference", "view_reconciliation")
    form = {"action": "resolve", "why": "because", ACTION_CHECKBOX_NAME: [only().pk]}

    sam.post(reverse("admin:billing_difference_changelist"), form)
    sam.post(
        reverse("admin:billing_reconciliation_changelist"), {"action": "compare_again", ACTION_CHECKBOX_NAME: [run.pk]}
    )

    assert only().state == State.PARKED
    assert shop.fresh(run).reconcile_after == due


def test_a_day_is_compared_again_on_demand(shop: Shop, client: Client) -> None:
    """It is due at once; the list says how many differences stand."""
    stranger(shop)
    run = reconcile()
    sam = operator(client, "view_reconciliation", "change_reconciliation")
    changelist = reverse("admin:billing_reconciliation_changelist")
    assert '<td class="field-standing">1</td>' in sam.get(changelist).content.decode()

    sam.post(changelist, {"action": "compare_again", ACTION_CHECKBOX_NAME: [run.pk]})

    due = shop.fresh(run).reconcile_after
    assert due is not None
    assert due <= database_now()


# --- by hand ---------------------------------------------------------------------------------------------------------


class Terminal(StringIO):
    """Somebody is watching."""

    def isatty(self) -> bool:
        return True


def command(*arguments: str, out: Callable[[], StringIO] = StringIO) -> tuple[int, str, str]:
    """`manage.py reconcile …`: its exit status, what it printed, and what it complained of."""
    printed, status, complaint = out(), 0, ""
    try:
        call_command("reconcile", *arguments, stdout=printed)
    except CommandError as error:
        status, complaint = error.returncode, str(error)
    return status, printed.getvalue(), complaint


def test_the_command_says_that_they_agree(shop: Shop) -> None:
    """Status 0; yesterday, if no day is given."""
    made_yesterday(shop, "pay")

    assert command() == (0, f"{YESTERDAY}  sandbox  there 1  here 1\n", "")


def test_the_command_shows_what_is_left_for_a_person(shop: Shop) -> None:
    """Status 1, and a table; what was mended is only counted."""
    payment = made_yesterday(shop)
    shop.buyer(payment, "pay")
    provider_ref = stranger(shop)

    status, printed, complaint = command("--day", str(YESTERDAY))

    assert (status, complaint) == (1, "Differences that are left: 1.")
    line, head, row = printed.splitlines()
    assert line == f"{YESTERDAY}  sandbox  there 2  here 1  mended 1  parked 1"
    assert head.split()[0] == "payment"
    assert row.startswith(f"{provider_ref}  there and not here, with money")
    assert row.endswith("succeeded, 9.90 EUR  a person must decide")


def test_the_command_says_what_could_not_be_finished(shop: Shop) -> None:
    """Status 2: nobody should take silence for agreement."""
    made_yesterday(shop)
    shop.sandbox.outage("status_500", 600)

    status, printed, complaint = command("--day", str(YESTERDAY))

    assert (status, complaint) == (2, f"Not finished, and tried again later: sandbox on {YESTERDAY}.")
    assert "NOT FINISHED: HTTP 500" in printed


def test_the_command_speaks_json(shop: Shop) -> None:
    """Nothing else is printed."""
    provider_ref = stranger(shop)

    status, printed, _ = command("--json")

    [day] = json.loads(printed)
    assert (status, day["day"], day["there"]) == (1, str(YESTERDAY), 1)
    assert [(each["provider_ref"], each["state"]) for each in day["differences"]] == [(provider_ref, "parked")]


def test_on_a_terminal_the_command_has_a_bar(shop: Shop) -> None:
    """It moves with the pages, and is wiped away for the result."""
    _many(shop, 200)

    _, printed, _ = command("--from", str(YESTERDAY), out=Terminal)

    assert f"\r[{'#' * 15}{'.' * 15}] 100/200  sandbox {YESTERDAY}" in printed
    assert f"\r[{'#' * 30}] 200/200" in printed
    assert printed.endswith(f"\r\033[K{YESTERDAY}  sandbox  there 200  here 200\n")


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--day", "2099-01-01"], "not over yet"),
        (["--day", "2026-01-01", "--to", "2026-01-02"], "either --day or"),
        (["--to", "2026-01-02"], "Write --from too"),
        (["--from", "2026-01-03", "--to", "2026-01-02"], "is after"),
        (["--account", "piggybank"], "is no account"),
    ],
)
def test_the_command_refuses_what_makes_no_sense(shop: Shop, arguments: list[str], why: str) -> None:
    """With a sentence, and with status 2."""
    status, printed, complaint = command(*arguments)

    assert status == 2
    assert why in complaint
    assert not printed


def _order(payment: Payment) -> Any:
    from commerce.models import Order

    return Order.objects.get(public_id=payment.reference)


def _many(shop: Shop, count: int) -> None:
    """So many payments of yesterday, pending here and there."""
    refs = [stranger(shop, "pending", reference=f"order-{number}", amount="1.00") for number in range(count)]
    now = database_now()
    Payment.objects.bulk_create(
        Payment(
            account="sandbox",
            provider_ref=ref,
            reference=f"order-{number}",
            amount_minor=100,
            currency="EUR",
            description="test",
            return_url="http://127.0.0.1/",
            status=Status.PENDING,
            window_ends_at=now + timedelta(hours=1),
            next_check_at=now + timedelta(hours=1),
            created_at=NOON,
        )
        for number, ref in enumerate(refs)
    )
