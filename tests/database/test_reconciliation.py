"""Reconciliation: the provider's books and ours, compared in both directions, over real HTTP."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now
from pytest_django import Settings

from billing.models import AskedBy, Attention, Difference, Payment
from billing.sandbox.payment import Money as SandboxMoney
from billing.sandbox.records import Claim
from billing.states import Status
from commerce.models import OrderStatus
from config.due.queue import database_now
from tests.books import Kind, State, made_yesterday, noon, only, reconcile, stranger, was_made
from tests.shop import Shop

pytestmark = pytest.mark.sqlite_is_enough

# --- nothing differs -------------------------------------------------------------------------------------------------


def test_where_both_say_the_same_there_is_no_difference(shop: Shop) -> None:
    """Every state that a payment may have, at both ends; nobody is asked about any of them."""
    made = [made_yesterday(shop, action) for action in ("", "pay", "cancel", "decline", "authorize")]
    before = sum(shop.questions(payment) for payment in made)

    run = reconcile()

    assert (run.there, run.here, run.listed) == (5, 5, True)
    assert not Difference.objects.exists()
    assert sum(shop.questions(payment) for payment in made) == before


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
    midnight = noon() + timedelta(hours=12)
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
    assert only().theirs == "'levitating', an unknown status, 9.90 EUR"


# --- here and not there ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("action", ["", "pay"])
def test_a_payment_that_the_provider_does_not_know_waits_for_a_person(shop: Shop, action: str) -> None:
    """Open or paid here, and nothing there."""
    payment = was_made(shop, made_yesterday(shop, action), noon(), there=noon() - timedelta(days=9))
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
    shop.sandbox.ledger._keep(replace(shop.sandbox.ledger.find(theirs["id"]), created_at=noon()))

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


def _order(payment: Payment) -> Any:
    from commerce.models import Order

    return Order.objects.get(public_id=payment.reference)
