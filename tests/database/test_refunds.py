"""Money that goes back: never more than came, never twice, and followed until its outcome is known."""

from datetime import timedelta
from functools import partial
from uuid import uuid4

import pytest
from django.db import IntegrityError
from django.db.models import F
from pytest_django.fixtures import Settings

from billing.callbacks import inbox
from billing.limits import breaker
from billing.models import AskedBy, Attention, Payment, PaymentEvent, Refund
from billing.money import Money
from billing.providers.sandbox import Sandbox
from billing.refunds import follow
from billing.refunds import service as refunds
from billing.refunds.service import CannotRefund
from billing.states import RefundStatus, Status
from config.due.queue import DEATHS_ALLOWED, database_now
from tests.shop import Shop
from tests.threads import at_once

pytestmark = pytest.mark.sqlite_is_enough


def given_back(shop: Shop, payment: Payment) -> str:
    """What the buyer has, by the provider's books."""
    (theirs,) = (each for each in shop.sandbox.payments() if each["id"] == payment.provider_ref)
    return str(theirs.get("refunded_amount", {}).get("value", "0"))


def held(shop: Shop, payment: Payment) -> int:
    """What our books say that refunds hold."""
    return shop.fresh(payment).refunds_minor


def let_refunds_age(seconds: float) -> None:
    """As if they had been wanted and sent so long ago, and were due."""
    gap = timedelta(seconds=seconds)
    Refund.objects.update(created_at=F("created_at") - gap, sent_at=F("sent_at") - gap)
    Refund.objects.filter(next_check_at__isnull=False).update(next_check_at=database_now())


# --- so much and no more ---------------------------------------------------------------------------------------------


def test_all_of_it_goes_back(shop: Shop) -> None:
    """Wanted, sent, done; who wanted it and why stays on the row."""
    _, payment = shop.paid()

    refund = shop.follow(shop.refund(payment))

    assert (refund.status, refund.amount, refund.next_check_at) == (RefundStatus.SUCCEEDED, payment.amount, None)
    assert (refund.wanted_by, refund.why) == ("olga", "cold coffee")
    assert (given_back(shop, payment), held(shop, payment)) == ("4.50", 450)
    assert shop.fresh(payment).status == Status.SUCCEEDED


def test_parts_go_back_up_to_the_sum_and_not_one_unit_more(shop: Shop) -> None:
    """What is left is what came less what other refunds hold, open ones too."""
    _, payment = shop.paid()
    parts = [shop.refund(payment, value) for value in ("1.00", "2.00", "1.49")]

    with pytest.raises(CannotRefund, match=r"At most €0\.01 can be refunded, not €0\.02"):
        shop.refund(payment, "0.02")
    parts.append(shop.refund(payment, "0.01"))
    with pytest.raises(CannotRefund, match=r"€0\.00"):
        shop.refund(payment)

    assert {shop.follow(part).status for part in parts} == {RefundStatus.SUCCEEDED}
    assert (given_back(shop, payment), held(shop, payment)) == ("4.50", 450)


@pytest.mark.parametrize("amount", [Money(0, "EUR"), Money(-1, "EUR"), Money(451, "EUR"), Money(100, "USD")], ids=str)
def test_what_cannot_go_back_changes_nothing(shop: Shop, amount: Money) -> None:
    """Nothing, less than nothing, too much, another currency."""
    _, payment = shop.paid()

    with pytest.raises(CannotRefund):
        refunds.start(payment.pk, amount, wanted_by="olga", why="", key=uuid4().hex)

    assert (Refund.objects.count(), held(shop, payment)) == (0, 0)


@pytest.mark.parametrize("action", ["", "authorize", "cancel", "decline"])
def test_what_was_not_paid_is_not_given_back(shop: Shop, action: str) -> None:
    """Open, held, called off, refused by the bank."""
    _, payment = shop.order()
    if action:
        shop.buyer(payment, action)
    shop.look(payment)

    with pytest.raises(CannotRefund, match="No money has come"):
        shop.refund(payment)


@pytest.mark.postgres_too
def test_the_database_refuses_what_a_bug_would_let_through(shop: Shop) -> None:
    """The check is the last line of defence."""
    _, payment = shop.paid()

    with pytest.raises(IntegrityError):
        Payment.objects.filter(pk=payment.pk).update(refunds_minor=451)
    with pytest.raises(IntegrityError):
        Payment.objects.filter(pk=payment.pk).update(refunds_minor=-1)


# --- once ------------------------------------------------------------------------------------------------------------


def test_the_same_form_twice_is_one_refund(shop: Shop) -> None:
    """A double click, and a click after it has gone through."""
    _, payment = shop.paid()
    first = shop.refund(payment, "1.00", key="f" * 32)
    shop.follow(first)

    assert shop.refund(payment, "1.00", key="f" * 32) == first
    assert (given_back(shop, payment), held(shop, payment)) == ("1.00", 100)


def test_a_form_is_not_used_for_something_else(shop: Shop) -> None:
    """Another amount, or another payment, under a key that was used."""
    (_, payment), (_, other) = shop.paid(), shop.paid()
    shop.refund(payment, "1.00", key="f" * 32)

    for wanted in (partial(shop.refund, payment, "2.00"), partial(shop.refund, other, "1.00")):
        with pytest.raises(CannotRefund, match="already used"):
            wanted(key="f" * 32)
    assert (held(shop, payment), held(shop, other)) == (100, 0)


@pytest.mark.postgres_too
def test_two_operators_at_once_give_back_once(shop: Shop) -> None:
    """Each has a form of their own: the second finds nothing left."""
    _, payment = shop.paid()

    def click() -> bool:
        try:
            refund = shop.refund(payment, "3.00")
        except CannotRefund:
            return False
        return follow.follow_one(refund.pk)

    assert sorted(at_once(click, click, click, click)) == [False, False, False, True]
    assert (given_back(shop, payment), held(shop, payment)) == ("3.00", 300)


@pytest.mark.postgres_too
def test_a_double_click_at_once_is_one_refund(shop: Shop) -> None:
    """The same form in four threads."""
    _, payment = shop.paid()

    ids = at_once(*[lambda: shop.refund(payment, "3.00", key="d" * 32).pk] * 4)

    assert len(set(ids)) == 1
    assert held(shop, payment) == 300


@pytest.mark.postgres_too
def test_many_workers_follow_one_refund(shop: Shop) -> None:
    """One of them has the claim."""
    _, payment = shop.paid()
    refund = shop.refund(payment, "3.00")

    assert sorted(at_once(*[lambda: follow.follow_one(refund.pk)] * 4)) == [False, False, False, True]
    assert given_back(shop, payment) == "3.00"


@pytest.mark.parametrize("kind", ["lost_answer", "reset", "status_500", "not_json", "html"])
def test_an_unknown_outcome_is_repeated_with_the_same_key(shop: Shop, kind: str) -> None:
    """Whether the provider carried it out or not: the buyer gets it once."""
    _, payment = shop.paid()
    shop.sandbox.fault("refund", kind, times=1)

    refund = shop.follow(shop.refund(payment, "1.00"))
    assert (refund.status, refund.errors, refund.ended_at) == (RefundStatus.CREATED, 1, None)

    refund = shop.follow(refund)
    assert (refund.status, refund.errors) == (RefundStatus.SUCCEEDED, 0)
    assert (given_back(shop, payment), held(shop, payment)) == ("1.00", 100)


def test_a_crash_between_asking_and_writing_gives_back_once(shop: Shop) -> None:
    """The worker was killed with the provider's answer in its hands: the lease runs out, the next one repeats."""
    _, payment = shop.paid()
    refund = shop.refund(payment, "1.00")
    claimed = follow.REFUND_QUEUE.claim_one(refund.pk)
    assert claimed is not None
    follow._ask(claimed)
    assert not follow.follow_one(refund.pk)

    let_refunds_age(10)
    assert follow.follow_due("sandbox", 5) == 1

    assert shop.fresh(refund).status == RefundStatus.SUCCEEDED
    assert (given_back(shop, payment), held(shop, payment)) == ("1.00", 100)


def test_a_late_finisher_changes_nothing(shop: Shop) -> None:
    """Its lease was over and somebody else had finished: the outcome that was written stands."""
    _, payment = shop.paid()
    refund = shop.refund(payment, "1.00")
    slow = follow.REFUND_QUEUE.claim_one(refund.pk)
    assert slow is not None
    found = follow._ask(slow)
    let_refunds_age(10)
    follow.follow_one(refund.pk)

    follow.REFUND_QUEUE.work_on(slow, lambda row: follow._record(row, found))

    assert PaymentEvent.objects.filter(refund=refund).count() == 1
    assert held(shop, payment) == 100


# --- followed --------------------------------------------------------------------------------------------------------


def test_a_refund_on_its_way_is_looked_at_ever_more_seldom(shop: Shop) -> None:
    """It can take days: a sixth of its age, at most an hour."""
    shop.sandbox.refunds_start_as("pending")
    _, payment = shop.paid()
    refund = shop.follow(shop.refund(payment))
    assert (refund.status, held(shop, payment), given_back(shop, payment)) == (RefundStatus.PENDING, 450, "0")

    waits = []
    for age_s in (0, 600, 86_400):
        let_refunds_age(age_s)
        refund = shop.follow(refund)
        assert refund.next_check_at is not None
        waits.append((refund.next_check_at - database_now()).total_seconds())

    assert waits == [pytest.approx(5, abs=3), pytest.approx(100, abs=10), pytest.approx(3600, abs=10)]
    assert PaymentEvent.objects.filter(refund=refund).count() == 1


def test_a_refund_that_comes_through_days_later_is_found(shop: Shop) -> None:
    """By asking; no second one was made."""
    shop.sandbox.refunds_start_as("pending")
    _, payment = shop.paid()
    refund = shop.follow(shop.refund(payment))

    shop.sandbox.force_refund(refund.provider_ref, "succeeded")
    refund = shop.follow(refund)

    assert (refund.status, given_back(shop, payment), held(shop, payment)) == (RefundStatus.SUCCEEDED, "4.50", 450)
    assert [event.target for event in refund.events.all()] == ["pending", "succeeded"]


def test_a_refund_that_fails_later_frees_what_it_held(shop: Shop) -> None:
    """The customer's bank sent it back: the same money can be given back once more."""
    shop.sandbox.refunds_start_as("pending")
    _, payment = shop.paid()
    refund = shop.follow(shop.refund(payment))

    shop.sandbox.force_refund(refund.provider_ref, "failed", "account_closed")
    refund = shop.follow(refund)
    assert (refund.status, refund.reason, held(shop, payment)) == (RefundStatus.FAILED, "account_closed", 0)

    shop.sandbox.refunds_start_as("succeeded")
    assert shop.follow(shop.refund(payment)).status == RefundStatus.SUCCEEDED


def test_a_definite_no_fails_it_with_the_providers_reason(shop: Shop) -> None:
    """More than the provider has: somebody gave back in its own pages, and nobody had told us."""
    _, payment = shop.paid()
    shop.sandbox.refund(payment.provider_ref, {"value": "4.00", "currency": "EUR"})

    refund = shop.follow(shop.refund(payment, "1.00"))

    assert (refund.status, refund.next_check_at, held(shop, payment)) == (RefundStatus.FAILED, None, 0)
    assert "409" in refund.reason


@pytest.mark.postgres_too
@pytest.mark.parametrize("kind", ["unauthorized", "not_found"])
def test_what_may_be_our_own_mistake_calls_for_a_person(shop: Shop, kind: str) -> None:
    """Wrong keys, an id that the provider does not know: not failed, and still looked at, slowly."""
    _, payment = shop.paid()
    shop.sandbox.fault("refund", kind, times=1)

    refund = shop.follow(shop.refund(payment))
    assert (refund.status, refund.attention, held(shop, payment)) == (RefundStatus.CREATED, Attention.REFUSED, 450)

    refund = shop.follow(refund)
    assert (refund.status, refund.attention) == (RefundStatus.SUCCEEDED, "")


@pytest.mark.postgres_too
def test_a_no_to_asking_never_fails_it(shop: Shop) -> None:
    """It is on its way; that the provider will not talk about it decides nothing."""
    shop.sandbox.refunds_start_as("pending")
    _, payment = shop.paid()
    refund = shop.follow(shop.refund(payment))
    shop.sandbox.fault("refund", "not_found", times=1)

    refund = shop.follow(refund)

    assert (refund.status, refund.attention, held(shop, payment)) == (RefundStatus.PENDING, Attention.REFUSED, 450)


def test_too_many_errors_in_a_row_call_for_a_person(shop: Shop, settings: Settings) -> None:
    """It is never failed by errors, and followed slowly."""
    settings.PAYMENT_ATTEMPTS_LIMIT = 2
    _, payment = shop.paid()
    shop.sandbox.outage("status_500", 60)
    refund = shop.follow(shop.refund(payment))
    breaker.note("sandbox", [None])  # other calls are answered, so the account is not to blame
    refund = shop.follow(refund)
    assert (refund.status, refund.attention, refund.errors) == (RefundStatus.CREATED, Attention.ERRORS, 2)
    assert refund.next_check_at is not None
    assert refund.next_check_at - database_now() > timedelta(seconds=settings.ATTENTION_INTERVAL_S - 5)

    shop.sandbox.end_outage()
    assert shop.follow(refund).status == RefundStatus.SUCCEEDED


@pytest.mark.parametrize(
    ("kind", "attention"),
    [
        ("unknown_status", Attention.UNKNOWN_STATUS),
        ("wrong_amount", Attention.MISMATCH),
        ("wrong_currency", Attention.MISMATCH),
    ],
)
def test_what_cannot_be_believed_calls_for_a_person(shop: Shop, kind: str, attention: Attention) -> None:
    """Its id is kept, so it is asked about and never sent again; a good answer clears it."""
    _, payment = shop.paid()
    shop.sandbox.fault("refund", kind, times=1)

    refund = shop.follow(shop.refund(payment, "1.00"))
    assert (refund.status, refund.attention, bool(refund.provider_ref)) == (RefundStatus.CREATED, attention, True)

    refund = shop.follow(refund)
    assert (refund.status, refund.attention, given_back(shop, payment)) == (RefundStatus.SUCCEEDED, "", "1.00")


def test_a_refund_that_kills_its_workers_is_parked(shop: Shop) -> None:
    """Three deaths; then a person must look, and it is tried again alone, slowly."""
    _, payment = shop.paid()
    refund = shop.refund(payment)
    Refund.objects.filter(pk=refund.pk).update(claims=DEATHS_ALLOWED)

    follow.follow_due("sandbox", 5)
    parked = shop.fresh(refund)
    assert (parked.attention, parked.status) == (Attention.WORKERS_LOST, RefundStatus.CREATED)
    assert parked.next_check_at is not None
    assert parked.next_check_at > database_now() + timedelta(seconds=60)

    let_refunds_age(0)
    follow.follow_due("sandbox", 5)
    assert shop.fresh(refund).status == RefundStatus.SUCCEEDED


def test_a_refund_is_not_repeated_when_its_key_may_be_forgotten(shop: Shop) -> None:
    """Whether it was carried out is not known: to send it again might give back twice."""
    _, payment = shop.paid()
    shop.sandbox.fault("refund", "lost_answer", times=1)
    refund = shop.follow(shop.refund(payment, "1.00"))
    let_refunds_age(Sandbox.key_kept.total_seconds())

    follow.follow_due("sandbox", 5)
    refund = shop.fresh(refund)
    assert (refund.attention, refund.status, held(shop, payment)) == (Attention.KEY_FORGOTTEN, "created", 100)

    refund = refunds.give_up(refund.pk, "olga", "not in their list")
    assert (refund.status, refund.reason, held(shop, payment)) == ("failed", "given up by olga: not in their list", 0)
    assert refunds.notice(payment.pk, 100) is not None, "and if she was wrong, the provider's books say so"
    assert held(shop, payment) == 100


def test_a_refund_that_was_never_sent_is_sent_however_late(shop: Shop) -> None:
    """All workers were away for a day."""
    _, payment = shop.paid()
    shop.refund(payment)
    let_refunds_age(Sandbox.key_kept.total_seconds() * 2)

    follow.follow_due("sandbox", 5)

    assert given_back(shop, payment) == "4.50"


def test_nobody_gives_up_what_is_being_followed(shop: Shop) -> None:
    """There is no cancelling of a refund: only its provider knows what becomes of it."""
    _, payment = shop.paid()
    refund = shop.refund(payment)

    with pytest.raises(CannotRefund, match="still being followed"):
        refunds.give_up(refund.pk, "olga", "changed my mind")
    refund = shop.follow(refund)
    with pytest.raises(CannotRefund, match="has ended"):
        refunds.give_up(refund.pk, "olga", "changed my mind")


def test_each_account_is_followed_by_itself(shop: Shop) -> None:
    """A provider that hangs holds up no other's refunds."""
    _, payment = shop.paid()
    shop.refund(payment)

    assert follow.accounts_with_due_refunds() == ["sandbox"]
    assert follow.follow_due("another", 5) == 0
    assert follow.follow_due("sandbox", 5) == 1
    assert follow.accounts_with_due_refunds() == []


def test_a_callback_is_a_reason_to_look_at_refunds(shop: Shop) -> None:
    """About a payment that succeeded long ago, with a refund on its way."""
    shop.sandbox.refunds_start_as("pending")
    _, payment = shop.paid()
    refund = shop.follow(shop.refund(payment))
    shop.sandbox.force_refund(refund.provider_ref, "succeeded")

    shop.receive(payment, "refund.succeeded")
    inbox.process_due()
    follow.follow_due("sandbox", 5)

    refund = shop.fresh(refund)
    assert refund.status == RefundStatus.SUCCEEDED
    assert refund.events.get(target="succeeded").found_by == AskedBy.CALLBACK


@pytest.mark.postgres_too
def test_a_refund_and_a_look_at_its_payment_meet(shop: Shop) -> None:
    """A flood of callbacks while it is given back: the payment stays succeeded, the sums hold."""
    _, payment = shop.paid()
    shop.sandbox.force(payment.provider_ref, "failed")

    def look() -> int:
        shop.receive(payment, f"payment.{uuid4().hex}")
        return inbox.process_due()

    shop.sandbox.force(payment.provider_ref, "succeeded")
    at_once(lambda: follow.follow_one(shop.refund(payment, "1.00").pk), look, look, look)
    shop.sweep()

    assert (shop.fresh(payment).status, held(shop, payment)) == (Status.SUCCEEDED, 100)
    assert given_back(shop, payment) == "1.00"


# --- the provider's own pages ----------------------------------------------------------------------------------------


def test_what_was_given_back_elsewhere_is_written_down(shop: Shop) -> None:
    """A refund that did not go through us is a row like any other, once."""
    _, payment = shop.paid()
    shop.follow(shop.refund(payment, "1.00"))

    external = refunds.notice(payment.pk, 300)

    assert external is not None
    assert (external.status, external.amount, external.wanted_by) == ("succeeded", Money(200, "EUR"), "provider")
    assert held(shop, payment) == 300
    assert refunds.notice(payment.pk, 300) is None
    assert [event.target for event in external.events.all()] == ["succeeded"]


def test_what_may_be_our_own_is_not_written_down_twice(shop: Shop) -> None:
    """The provider is through with a refund that we still follow: it is looked at again, and the books agree."""
    shop.sandbox.refunds_start_as("pending")
    _, payment = shop.paid()
    refund = shop.follow(shop.refund(payment, "1.00"))
    shop.sandbox.force_refund(refund.provider_ref, "succeeded")

    assert refunds.notice(payment.pk, 100) is None
    follow.follow_due("sandbox", 5)

    assert shop.fresh(refund).status == RefundStatus.SUCCEEDED
    assert refund.events.get(target=RefundStatus.SUCCEEDED).found_by == AskedBy.SCHEDULE
    assert refunds.notice(payment.pk, 100) is None
    assert Refund.objects.count() == 1


@pytest.mark.parametrize("theirs", [0, 451])
def test_books_that_cannot_agree_call_for_a_person(shop: Shop, theirs: int) -> None:
    """A refund of ours came back after all, or more went back than had come."""
    _, payment = shop.paid()
    shop.follow(shop.refund(payment, "1.00"))

    assert refunds.notice(payment.pk, theirs) is None

    payment = shop.fresh(payment)
    assert (payment.attention, payment.status) == (Attention.REFUNDS_DIFFER, Status.SUCCEEDED)
    assert "we know of 1.00 EUR" in payment.attention_note
