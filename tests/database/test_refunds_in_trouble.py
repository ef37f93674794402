"""Refunds that have to wait, and answers about them that decide nothing: what they hold stays held."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db.models import Q

from billing.errors import BadAnswer, ProviderError, Unavailable
from billing.models import AccountState, AskedBy, Attention, Breaker, Payment, Refund
from billing.money import Money
from billing.providers.base import RefundSnapshot
from billing.refunds import follow
from billing.refunds import service as refunds
from billing.refunds.follow import REFUND_QUEUE
from billing.refunds.service import CannotRefund
from billing.states import RefundStatus, Status
from config.due.queue import database_now
from tests.shop import Shop

pytestmark = pytest.mark.sqlite_is_enough


@pytest.fixture
def on_its_way(shop: Shop) -> Refund:
    """1.00 EUR of 4.50, which the provider has taken on."""
    shop.sandbox.refunds_start_as("pending")
    _, payment = shop.paid()
    return shop.follow(shop.refund(payment, "1.00"))


def found(shop: Shop, refund: Refund, change: Callable[[RefundSnapshot], RefundSnapshot | ProviderError]) -> Refund:
    """Followed, with something else found than the provider says."""
    REFUND_QUEUE.make_due(Q(pk=refund.pk), AskedBy.OPERATOR)
    claimed = REFUND_QUEUE.claim_one(refund.pk)
    assert claimed is not None
    answer = follow._ask(claimed)
    assert isinstance(answer, RefundSnapshot)
    follow._record(claimed, change(answer))
    return shop.fresh(refund)


def wait(refund: Refund) -> float:
    """Seconds until it is followed again."""
    assert refund.next_check_at is not None
    return (refund.next_check_at - database_now()).total_seconds()


def test_following_ends_when_its_time_is_over(shop: Shop) -> None:
    """One is followed at least; the others stay due."""
    _, payment = shop.paid()
    wanted = [shop.refund(payment, "1.00") for _ in range(3)]

    assert follow.follow_due("sandbox", 0) == 1

    assert sorted(shop.fresh(refund).status for refund in wanted) == ["created", "created", "succeeded"]
    assert follow.follow_due("sandbox", 60) == 2
    assert follow.follow_due("sandbox", 60) == 0


def test_an_account_that_may_not_be_called_costs_a_refund_nothing(shop: Shop) -> None:
    """It is not sent, no error is counted, and it is tried again soon."""
    _, payment = shop.paid()
    refund = shop.refund(payment, "1.00")
    AccountState.objects.update_or_create(account="sandbox", defaults={"breaker": Breaker.HELD})

    refund = shop.follow(refund)

    assert (refund.status, refund.errors, refund.attention, refund.sent_at) == (RefundStatus.CREATED, 0, "", None)
    assert wait(refund) > 1
    AccountState.objects.update(breaker=Breaker.CLOSED)
    assert shop.follow(refund).status == RefundStatus.SUCCEEDED


def test_a_provider_that_asks_for_patience_gets_it_and_no_error_is_counted(shop: Shop, on_its_way: Refund) -> None:
    """As long as it wished, where that is longer than our own wait."""
    refund = found(shop, on_its_way, lambda _: Unavailable("HTTP 429", retry_after_s=120))

    assert (refund.status, refund.errors, shop.fresh(refund.payment).refunds_minor) == (RefundStatus.PENDING, 0, 100)
    assert 110 < wait(refund) <= 120


def test_an_error_that_is_its_own_is_counted_and_put_off_for_longer_each_time(shop: Shop, on_its_way: Refund) -> None:
    """The provider was there, and its answer made no sense."""
    first = found(shop, on_its_way, lambda _: BadAnswer("no amount"))
    assert (first.errors, first.status) == (1, RefundStatus.PENDING)
    short = wait(first)

    second = found(shop, first, lambda _: BadAnswer("no amount"))

    assert (second.errors, second.status) == (2, RefundStatus.PENDING)
    assert wait(second) > short + 3


def test_an_answer_about_another_refund_is_not_believed(shop: Shop, on_its_way: Refund) -> None:
    """Its state is somebody else's; ours is still asked about by its own id."""
    refund = found(
        shop, on_its_way, lambda answer: replace(answer, provider_ref="re_other", status=RefundStatus.SUCCEEDED)
    )

    assert (refund.status, refund.attention) == (RefundStatus.PENDING, Attention.MISMATCH)
    assert refund.attention_note == "the provider answered for another refund"
    assert (refund.provider_ref, shop.fresh(refund.payment).refunds_minor) == (on_its_way.provider_ref, 100)


def test_what_has_ended_says_so_on_the_row(shop: Shop, on_its_way: Refund) -> None:
    """No appointment, no attention, the provider's word and reason; and the shop has an event to settle."""
    mismatch = found(shop, on_its_way, lambda answer: replace(answer, amount=Money(99, "EUR")))
    assert (mismatch.attention, mismatch.ended_at) == (Attention.MISMATCH, None)
    assert mismatch.attention_note == "the provider has 0.99 EUR, we sent 1.00 EUR"

    shop.sandbox.force_refund(mismatch.provider_ref, "failed", "account_closed")
    refund = shop.follow(mismatch)

    assert (refund.next_check_at, refund.attention, refund.attention_note) == (None, "", "")
    assert refund.ended_at is not None
    assert (refund.raw_status, refund.reason) == ("failed", "account_closed")
    event = refund.events.get(target=RefundStatus.FAILED)
    assert (event.source, event.found_by, event.payment) == (RefundStatus.PENDING, AskedBy.OPERATOR, refund.payment)
    assert (event.settle_after is None, event.raw_status) == (False, "failed")


def test_who_wants_it_and_why_is_kept_as_far_as_there_is_room(shop: Shop) -> None:
    """A long story loses its end, never the refund."""
    _, payment = shop.paid()

    refund = refunds.start(payment.pk, None, wanted_by="o" * 151, why="w" * 201, key=uuid4().hex)

    assert (refund.wanted_by, refund.why) == ("o" * 150, "w" * 200)
    assert wait(refund) <= 0, "it is due at once"


def test_the_key_of_a_rule_is_the_payments_own() -> None:
    """The same for the same payment and rule, another for any other, and as long as every provider takes."""
    ours, other = Payment(idempotency_key="a" * 32), Payment(idempotency_key="b" * 32)

    assert refunds.key_for(ours, "late") == refunds.key_for(ours, "late")
    assert len({refunds.key_for(ours, "late"), refunds.key_for(ours, "double"), refunds.key_for(other, "late")}) == 3
    assert len(refunds.key_for(ours, "late")) == 32


@pytest.mark.parametrize("decide", [refunds.give_up, refunds.confirm])
def test_what_needs_no_person_is_not_decided(
    shop: Shop, on_its_way: Refund, decide: Callable[[int, str, str], Refund]
) -> None:
    """Whatever the provider still answers about is followed, however a person would like it to end."""
    with pytest.raises(CannotRefund, match="still being followed"):
        decide(on_its_way.pk, "olga", "")

    assert shop.fresh(on_its_way).is_open


def test_giving_up_is_an_end_that_the_shop_is_told_of(shop: Shop, on_its_way: Refund) -> None:
    """Failed, by an operator; what it held is free again, and the reason fits its column."""
    lost = {"attention": Attention.WORKERS_LOST, "attention_note": "3 workers were lost"}
    Refund.objects.filter(pk=on_its_way.pk).update(**lost)

    refund = refunds.give_up(on_its_way.pk, "olga", "w" * 300)

    fresh = shop.fresh(refund)
    assert (fresh.status, fresh.next_check_at) == (RefundStatus.FAILED, None)
    assert (fresh.attention, fresh.attention_note) == ("", "")
    assert (fresh.ended_at is not None, len(fresh.reason), shop.fresh(fresh.payment).refunds_minor) == (True, 200, 0)
    event = fresh.events.get(target=RefundStatus.FAILED)
    assert (event.source, event.found_by) == (RefundStatus.PENDING, AskedBy.OPERATOR)


def test_an_external_refund_is_an_end_with_all_its_facts(shop: Shop) -> None:
    """As if it had gone through us: no appointment, an end, an event."""
    _, payment = shop.paid()

    external = refunds.notice(payment.pk, 450)

    assert external is not None
    assert (external.next_check_at, external.why) == (None, "found in the provider's books")
    assert external.ended_at is not None
    event = external.events.get()
    assert (event.source, event.target, event.found_by) == ("created", "succeeded", AskedBy.SCHEDULE)
    assert (shop.fresh(payment).refunds_minor, shop.fresh(payment).attention) == (450, "")


def test_books_that_agree_change_nothing(shop: Shop) -> None:
    """What went back through us, to the unit."""
    _, payment = shop.paid()
    shop.follow(shop.refund(payment, "1.00"))

    assert refunds.notice(payment.pk, 100) is None

    payment = shop.fresh(payment)
    assert (payment.attention, payment.refunds_minor, Refund.objects.count()) == ("", 100, 1)


def test_a_refund_of_money_in_another_currency_has_that_currency(shop: Shop) -> None:
    """4.50 USD came, so dollars go back, also where the provider did it by itself."""
    _, payment = shop.order()
    shop.sandbox.force(payment.provider_ref, "succeeded", "", {"value": "4.50", "currency": "USD"})
    payment = shop.look(payment)
    payment.refresh_from_db()
    assert payment.status == Status.PENDING

    external = refunds.notice(payment.pk, 100)

    assert external is not None
    assert external.amount == Money(100, "USD")
    assert refunds.notice(payment.pk, 451) is None
    assert shop.fresh(payment).attention_note == "the provider refunded 4.51 USD, we know of 1.00 USD"


@pytest.mark.parametrize("attention", [Attention.KEY_FORGOTTEN, Attention.WORKERS_LOST])
def test_what_is_given_up_is_one_refund_and_no_other(shop: Shop, on_its_way: Refund, attention: Attention) -> None:
    """Another one of the same payment still holds its part."""
    other = shop.follow(shop.refund(on_its_way.payment, "2.00"))
    Refund.objects.update(attention=attention)

    refunds.give_up(on_its_way.pk, "olga", "not in their list")

    assert (shop.fresh(on_its_way).status, shop.fresh(other).status) == (RefundStatus.FAILED, RefundStatus.PENDING)
    assert shop.fresh(other.payment).refunds_minor == 200


def test_what_has_ended_is_not_given_up(shop: Shop, on_its_way: Refund) -> None:
    """The customer has the money, whatever anybody says."""
    shop.sandbox.force_refund(on_its_way.provider_ref, "succeeded")
    shop.follow(on_its_way)
    Refund.objects.update(attention=Attention.WORKERS_LOST)

    with pytest.raises(CannotRefund, match="has ended"):
        refunds.give_up(on_its_way.pk, "olga", "")

    assert shop.fresh(on_its_way.payment).refunds_minor == 100


def test_a_question_is_about_the_refunds_of_one_payment(shop: Shop, on_its_way: Refund) -> None:
    """Those of another keep their appointments."""
    _, second = shop.paid()
    other = shop.follow(shop.refund(second, "1.00"))

    refunds.check_now(on_its_way.payment, AskedBy.CALLBACK)

    assert wait(shop.fresh(on_its_way)) <= 0
    assert shop.fresh(on_its_way).asked_by == AskedBy.CALLBACK
    assert shop.fresh(other).next_check_at == other.next_check_at


def test_what_another_payment_gave_back_is_not_this_ones(shop: Shop, on_its_way: Refund) -> None:
    """The sums are compared payment by payment, and only with what has certainly gone back."""
    shop.sandbox.refunds_start_as("succeeded")
    _, other = shop.paid()
    shop.follow(shop.refund(other, "3.00"))

    assert refunds.notice(on_its_way.payment_id, 0) is None
    assert refunds.notice(other.pk, 300) is None

    assert (shop.fresh(on_its_way.payment).attention, shop.fresh(other).attention) == ("", "")


def test_the_first_sending_is_the_one_that_counts(shop: Shop) -> None:
    """From then on the provider keeps the key; a repeat does not move it, and other refunds have their own."""
    _, payment = shop.paid()
    shop.sandbox.fault("refund", "lost_answer", times=1)
    refund, other = shop.refund(payment, "1.00"), shop.refund(payment, "2.00")
    refund = shop.follow(refund)
    first = refund.sent_at
    assert first is not None
    assert shop.fresh(other).sent_at is None

    refund = shop.follow(refund)

    assert (refund.status, refund.sent_at) == (RefundStatus.SUCCEEDED, first)


def test_a_key_is_kept_for_so_long_and_not_a_moment_longer() -> None:
    """Then whether it was carried out is for a person to find out; with an id it is simply asked about."""
    now, kept = database_now(), timedelta(hours=1)
    sent = now - kept

    assert Refund(sent_at=sent).is_past_repeating(now, kept)
    assert not Refund(sent_at=sent + timedelta(microseconds=1)).is_past_repeating(now, kept)
    assert not Refund(sent_at=sent, provider_ref="re_1").is_past_repeating(now, kept)
    assert not Refund(sent_at=None).is_past_repeating(now, kept)


def test_what_went_back_of_a_payment_that_brought_nothing_calls_for_a_person(shop: Shop) -> None:
    """There is nothing that a refund of it could be a part of."""
    _, payment = shop.order()

    assert refunds.notice(payment.pk, 100) is None

    payment = shop.fresh(payment)
    assert (payment.attention, payment.refunds_minor) == (Attention.REFUNDS_DIFFER, 0)
    assert payment.attention_note == "the provider refunded 1.00 EUR, we know of 0.00 EUR"


def test_a_single_unit_that_went_back_elsewhere_is_written_down(shop: Shop, on_its_way: Refund) -> None:
    """Beside what a refund of ours still holds."""
    shop.sandbox.force_refund(on_its_way.provider_ref, "succeeded")
    shop.follow(on_its_way)

    external = refunds.notice(on_its_way.payment_id, 101)

    assert external is not None
    assert (external.amount_minor, shop.fresh(on_its_way.payment).refunds_minor) == (1, 101)


def test_what_nobody_has_decided_on_is_not_refunded(shop: Shop) -> None:
    """Money came, but the payment is open: it is accepted or given back first, and the order hears of it."""
    _, payment = shop.order()
    shop.sandbox.force(payment.provider_ref, "succeeded", "", {"value": "4.51", "currency": "EUR"})
    payment = shop.look(payment)
    assert payment.received == Money(451, "EUR")

    with pytest.raises(CannotRefund, match="not decided yet"):
        shop.refund(payment, "0.01")

    assert shop.fresh(payment).refunds_minor == 0
