"""The public face of billing, as any shop may call it: each call is about one reference or payment, and no other."""

from datetime import timedelta

import pytest
from django.db.models import Exists, OuterRef, Q
from pytest_django.fixtures import Settings

from billing.limits import breaker
from billing.models import AskedBy, Attention, Payment, PaymentEvent, Refund
from billing.money import Money
from billing.payments import service as payments
from billing.payments import sweep
from billing.payments.check import CHECK_QUEUE
from billing.refunds import service as refunds
from billing.states import RefundStatus, Status
from commerce.models import Order
from config.due.queue import database_now
from tests.shop import Shop

pytestmark = pytest.mark.sqlite_is_enough


def begin(reference: str, description: str = "two cups") -> Payment:
    """A payment that is written down, and not introduced."""
    return payments.start(
        reference=reference,
        amount=Money(450, "EUR"),
        description=description,
        return_url="https://shop.example.com/",
        window_ends_at=database_now() + timedelta(hours=1),
        account="sandbox",
    )


def two(shop: Shop) -> tuple[Payment, Payment]:
    """Two pending payments, the second for another reference."""
    return payments.introduce(begin("one")), payments.introduce(begin("two"))


def lost(shop: Shop, payment: Payment) -> Payment:
    """The customer has cancelled it at the provider."""
    shop.buyer(payment, "cancel")
    return shop.look(payment)


def paid(shop: Shop, payment: Payment) -> Payment:
    """The customer has paid it."""
    shop.buyer(payment, "pay")
    return shop.look(payment)


# --- started ---------------------------------------------------------------------------------------------------------


def test_who_starts_a_payment_holds_it_for_a_lease(shop: Shop) -> None:
    """And is counted, so that it is known to be left over if nobody comes back."""
    payment = begin("one", "x" * 200)
    assert payment.next_check_at is not None

    assert timedelta(0) <= database_now() + CHECK_QUEUE.lease - payment.next_check_at < timedelta(seconds=30)
    assert CHECK_QUEUE.claim_one(payment.pk) is None
    assert (payment.claims, payment.amount, payment.description) == (1, Money(450, "EUR"), "x" * 128)
    assert (payment.reference, payment.account, payment.return_url) == ("one", "sandbox", "https://shop.example.com/")
    assert timedelta(minutes=50) < payment.window_ends_at - database_now() <= timedelta(hours=1)
    shop.let_time_pass(CHECK_QUEUE.lease.total_seconds() + 1)
    assert CHECK_QUEUE.claim_batch(10) == []
    assert CHECK_QUEUE.claim_left_over() == payment


def test_where_the_provider_may_not_be_called_nobody_waits(shop: Shop) -> None:
    """The payment is let go, and is the next sweep's."""
    breaker.open_by_hand("sandbox", "olga", "maintenance")
    shop.sandbox.journal.clear()

    payment = payments.introduce(begin("one"))

    assert (payment.status, payment.claims, shop.sandbox.requests()) == (Status.CREATED, 0, [])
    assert payment.next_check_at is not None
    assert payment.next_check_at <= database_now()


def test_who_introduces_a_payment_is_the_checkout(shop: Shop) -> None:
    """What it finds is told so."""
    payment = payments.introduce(begin("one"))

    assert payment.events.get().found_by == AskedBy.CHECKOUT


@pytest.mark.parametrize(("ends", "may_come"), [("pay", True), ("cancel", False), ("", True)])
def test_a_second_payment_is_started_when_the_first_has_come_to_nothing(shop: Shop, ends: str, may_come: bool) -> None:
    """And not before; what another reference does is of no matter."""
    payment, _ = two(shop)
    if ends:
        shop.buyer(payment, ends)
        shop.look(payment)

    assert payments.money_may_come("one") is may_come
    assert not payments.money_may_come("three")
    if may_come:
        with pytest.raises(payments.PaymentUnresolved):
            begin("one")
    else:
        assert begin("one").pk > payment.pk


# --- asked for -------------------------------------------------------------------------------------------------------


def test_a_look_is_asked_for_by_reference(shop: Shop) -> None:
    """At the open payment of it; False if there is none."""
    one, two_ = two(shop)

    assert payments.check_reference_now("two", AskedBy.RETURN)

    assert (shop.fresh(one).asked_by, shop.fresh(two_).asked_by) == ("", AskedBy.RETURN)
    lost(shop, two_)
    assert not payments.check_reference_now("two", AskedBy.RETURN)
    assert not payments.check_reference_now("three", AskedBy.RETURN)


def test_a_check_of_a_payment_is_one_of_its_refunds_too(shop: Shop) -> None:
    """Also after it has ended; other payments keep their appointments."""
    one, two_ = two(shop)
    assert payments.check_now(one, AskedBy.CALLBACK)
    assert (shop.fresh(one).asked_by, shop.fresh(two_).asked_by) == (AskedBy.CALLBACK, "")

    one = paid(shop, one)
    refund = shop.refund(one)
    assert payments.check_now(one, AskedBy.CALLBACK)
    assert shop.fresh(refund).asked_by == shop.fresh(one).asked_by == AskedBy.CALLBACK


def test_money_that_came_late_is_found_by_a_request(shop: Shop, settings: Settings) -> None:
    """The request stands while the provider is away, and ends with its answer."""
    one, _ = two(shop)
    one = lost(shop, one)
    shop.sandbox.force(one.provider_ref, "succeeded")
    breaker.open_by_hand("sandbox", "olga", "maintenance")
    assert payments.check_now(one, AskedBy.OPERATOR)
    shop.sweep()
    assert shop.fresh(one).status == Status.CANCELED

    breaker.close_by_hand("sandbox", "olga", "done")
    shop.sweep()

    one = shop.fresh(one)
    assert (one.status, one.found_by, one.next_check_at) == (Status.SUCCEEDED, AskedBy.OPERATOR, None)


@pytest.mark.parametrize(("kind", "times"), [("status_500", 2), ("not_found", 1), ("status_500", 99)])
def test_a_question_about_an_ended_payment_is_repeated_a_few_times(
    shop: Shop, settings: Settings, kind: str, times: int
) -> None:
    """Until there is an answer, or a refusal, or PAYMENT_ATTEMPTS_LIMIT errors: it needs no person and no more."""
    settings.PAYMENT_ATTEMPTS_LIMIT = 4
    one, _ = two(shop)
    one = paid(shop, one)
    shop.sandbox.journal.clear()
    shop.sandbox.fault("status", kind, times=times)

    payments.check_now(one, AskedBy.OPERATOR)
    for _ in range(10):
        Payment.objects.filter(pk=one.pk, next_check_at__isnull=False).update(next_check_at=database_now())
        breaker.close_by_hand("sandbox", "olga", "go on")
        sweep.check_one(one.pk)

    assert shop.questions(one) == {2: 3, 1: 1, 99: 4}[times]
    assert (shop.fresh(one).next_check_at, shop.fresh(one).attention) == (None, "")


def refused_there(shop: Shop) -> Payment:
    """A payment that the provider refused to create."""
    _, payment = shop.order()
    ended = {"status": Status.FAILED, "next_check_at": None, "ended_at": database_now(), "provider_ref": ""}
    Payment.objects.filter(pk=payment.pk).update(**ended)
    return shop.fresh(payment)


def test_what_the_provider_never_had_is_not_asked_about(shop: Shop) -> None:
    """The question would create it."""
    refused = refused_there(shop)

    assert not payments.check_now(refused, AskedBy.OPERATOR)

    assert shop.fresh(refused).next_check_at is None


# --- called off ------------------------------------------------------------------------------------------------------


def test_calling_off_is_about_the_open_payment_of_one_reference(shop: Shop) -> None:
    """The first wish is the one that counts; payments that have ended keep what they are."""
    ended, other = two(shop)
    lost(shop, ended)
    payment = payments.introduce(begin("one"))

    assert payments.cancel("one")

    asked_at = shop.fresh(payment).cancel_asked_at
    assert asked_at is not None
    assert shop.fresh(payment).asked_by == AskedBy.CUSTOMER
    assert (shop.fresh(ended).cancel_asked_at, shop.fresh(other).cancel_asked_at) == (None, None)
    assert payments.cancel("one")
    assert shop.fresh(payment).cancel_asked_at == asked_at
    assert not payments.cancel("three")
    assert [payments.cancel_was_requested(each) for each in ("one", "two", "three")] == [True, False, False]
    shop.look(payment)
    assert payments.cancel_was_requested("one")
    assert not payments.cancel("one")


# --- told ------------------------------------------------------------------------------------------------------------


def kept(order: Order, since: timedelta) -> bool:
    """Does the order have a payment that is open, undecided, or was paid since then?"""
    rows = Order.objects.filter(Exists(payments.open_or_paid_since(OuterRef("public_id"), database_now() - since)))
    return rows.filter(pk=order.pk).exists()


def test_an_order_with_money_in_it_is_known(shop: Shop) -> None:
    """While a payment is open, for some time after it succeeded, and while money of it goes back; else not."""
    product = shop.product(stock=9)
    (order, payment), (other, theirs) = shop.order(product), shop.order(product)
    assert kept(order, timedelta(0))
    lost(shop, theirs)
    assert not kept(other, timedelta(days=1))

    payment = paid(shop, payment)
    assert kept(order, timedelta(minutes=1))
    assert not kept(order, timedelta(0))

    refund = shop.refund(payment, "1.00")
    assert kept(order, timedelta(0))
    assert not kept(other, timedelta(0))
    shop.follow(refund)
    assert not kept(order, timedelta(0))
    Payment.objects.filter(pk=payment.pk).update(attention=Attention.REFUNDS_DIFFER)
    assert kept(order, timedelta(0))
    assert not kept(other, timedelta(0))


def test_the_history_of_a_reference_is_its_own(shop: Shop) -> None:
    """Payments, events, refunds and callbacks, the oldest first, and nothing of another."""
    first, other = two(shop)
    first, other = lost(shop, first), paid(shop, other)
    second = paid(shop, payments.introduce(begin("one")))
    mine = [shop.refund(second, "1.00"), shop.refund(second, "0.50")]
    theirs = shop.refund(other, "1.00")
    heard = [shop.receive(second), shop.receive(other)]
    for callback, payment in zip(heard, (second, other), strict=True):
        type(callback).objects.filter(pk=callback.pk).update(payment=payment)

    told = payments.history("one")

    assert told.payments == [first, second]
    assert told.events == list(PaymentEvent.objects.filter(payment__in=[first, second]).order_by("pk"))
    assert (told.refunds, told.callbacks) == (mine, heard[:1])
    assert payments.history("two").refunds == [theirs]
    assert payments.latest("one") == second
    assert payments.latest("three") is None


def test_the_outcomes_are_what_came_to_nothing_and_what_went_back(shop: Shop) -> None:
    """Not a payment that succeeded, nor a refund that failed."""
    first, other = two(shop)
    shop.buyer(first, "decline")
    shop.look(first)
    second = paid(shop, payments.introduce(begin("one")))
    other = paid(shop, other)
    gone, failed = shop.refund(second, "1.00"), shop.refund(second, "0.50")
    shop.follow(gone)
    shop.follow(shop.refund(other, "1.00"))
    Refund.objects.filter(pk=failed.pk).update(attention=Attention.KEY_FORGOTTEN)
    refunds.give_up(failed.pk, "olga", "not there")

    told = [(event.payment, event.refund, event.target) for event in payments.outcomes("one")]

    assert told == [(first, None, Status.FAILED), (second, gone, RefundStatus.SUCCEEDED)]
    assert not Payment.objects.filter(Q(reference="one") & Q(status=Status.CREATED)).exists()
