"""Every waiting state has an end: by rule where a rule can know it, else by an operator's word."""

from datetime import timedelta
from itertools import product
from typing import Any

import pytest
from django.db.models import F, Q
from django.db.models.functions import Now

from billing.actions import OF_PAYMENTS, OF_REFUNDS
from billing.models import AskedBy, Attention, Payment, Refund
from billing.money import Money
from billing.payments import mismatches
from billing.payments import service as payments
from billing.payments.check import CHECK_QUEUE, check, record
from billing.states import OPEN_REFUND_STATES, OPEN_STATES, RefundStatus, Status
from commerce import orders
from commerce.models import Order, OrderStatus
from config.actions import do_one
from config.due.queue import database_now
from tests.shop import Shop

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.sqlite_is_enough]

ATTENTIONS = [attention for attention in Attention if attention]
ANSWERS: dict[str, dict[str, object]] = {
    "close": {"why": "looked there"},
    "confirm": {"why": "looked there", "came": Money(450, "EUR")},
    "give-up": {"why": "looked there"},
}


def stuck(payment: Payment, status: Status, attention: Attention) -> Payment:
    """Open, in this state, and for a person."""
    ref = {} if status != Status.CREATED else {"provider_ref": ""}
    Payment.objects.filter(pk=payment.pk).update(status=status, attention=attention, attention_note="a test", **ref)
    return Payment.objects.get(pk=payment.pk)


@pytest.mark.parametrize(("attention", "status"), list(product(ATTENTIONS, sorted(OPEN_STATES))))
def test_every_attention_of_an_open_payment_has_exits(shop: Shop, attention: Attention, status: Status) -> None:
    """Whatever happened: an operator can say that no money came, or that it came; the order goes on with that."""
    ends = {"close": (Status.CANCELED, OrderStatus.CANCELED), "confirm": (Status.SUCCEEDED, OrderStatus.PAID)}
    for name, (end, order_end) in ends.items():
        order, payment = shop.order()
        payment = stuck(payment, status, attention)
        action = next(each for each in OF_PAYMENTS if each.name == name)
        assert action.offered(payment)

        do_one(action, action.about(payment), "olga", **ANSWERS[name])
        shop.sweep()

        payment = shop.fresh(payment)
        assert (payment.status, payment.attention, payment.next_check_at) == (end, "", None)
        assert (payment.found_by, payment.decided_by, payment.decided_why) == ("operator", "olga", "looked there")
        assert shop.fresh(order).status == order_end


@pytest.mark.parametrize(("attention", "status"), list(product(ATTENTIONS, sorted(OPEN_REFUND_STATES))))
@pytest.mark.parametrize(("name", "end"), [("give-up", RefundStatus.FAILED), ("confirm", RefundStatus.SUCCEEDED)])
def test_every_attention_of_an_open_refund_has_exits(
    shop: Shop, attention: Attention, status: RefundStatus, name: str, end: RefundStatus
) -> None:
    """It was carried out, or it was not: an operator has seen it at the provider."""
    _, payment = shop.paid()
    refund = shop.refund(payment)
    Refund.objects.filter(pk=refund.pk).update(status=status, attention=attention)
    action = next(each for each in OF_REFUNDS if each.name == name)
    assert action.offered(shop.fresh(refund))

    do_one(action, action.about(refund), "olga", why="looked there")

    refund = shop.fresh(refund)
    assert (refund.status, refund.attention, refund.next_check_at) == (end, "", None)
    assert shop.fresh(payment).refunds_minor == (450 if end == RefundStatus.SUCCEEDED else 0)


def test_another_sum_that_an_operator_saw_is_what_counts(shop: Shop) -> None:
    """The key was exchanged, and the provider's pages say 4.00 EUR: the books hold that."""
    order, payment = shop.order()
    stuck(payment, Status.PENDING, Attention.REFUSED)

    mismatches.confirm(payment.pk, "olga", "seen there", Money(400, "EUR"))
    shop.sweep()

    assert shop.fresh(payment).left == Money(400, "EUR")
    assert shop.fresh(order).status == OrderStatus.PAID


@pytest.mark.parametrize("came", [Money(450, "USD")])
def test_another_currency_does_not_count(shop: Shop, came: Money) -> None:
    """Nothing changes."""
    _, payment = shop.order()
    stuck(payment, Status.PENDING, Attention.REFUSED)

    with pytest.raises(mismatches.CannotDecide, match="only EUR"):
        mismatches.confirm(payment.pk, "olga", "seen there", came)

    assert shop.fresh(payment).is_open


def test_money_after_a_close_is_a_late_payment_as_ever(shop: Shop) -> None:
    """The operator was wrong: the callback finds the success, and the shop's policy decides."""
    order, payment = shop.order()
    stuck(payment, Status.PENDING, Attention.REFUSED)
    mismatches.close(payment.pk, "olga", "nothing there")
    shop.sweep()
    shop.buyer(payment, "pay")

    shop.receive(payment)
    shop.sweep()

    assert shop.fresh(payment).status == Status.SUCCEEDED
    assert shop.fresh(order).status == OrderStatus.PAID


# --- by rule ---------------------------------------------------------------------------------------------------------


def test_what_the_provider_has_forgotten_expires_after_its_lifetime(shop: Shop) -> None:
    """Before that an unknown id may be our mistake, and a person must look; after it, it is the documented end."""
    order, payment = shop.order()
    shop.sandbox.forget(payment.provider_ref)
    shop.look(payment)
    assert shop.fresh(payment).attention == Attention.REFUSED

    shop.let_time_pass(25 * 3600)
    shop.sweep()

    payment = shop.fresh(payment)
    assert (payment.status, payment.attention, payment.next_check_at) == (Status.EXPIRED, "", None)
    assert payment.reason == "the provider no longer knows it"
    assert shop.fresh(order).status == OrderStatus.EXPIRED


@pytest.mark.parametrize("fact", ["working", "received", "authorized"])
def test_what_may_hold_money_is_not_ended_by_forgetting(shop: Shop, fact: str) -> None:
    """Money was seen, or may be on its way: a person must look."""
    _, payment = shop.order()
    facts: dict[str, dict[str, Any]] = {
        "working": {"working_since": Now()},
        "received": {"received_minor": 400, "received_currency": "EUR"},
        "authorized": {"status": Status.AUTHORIZED},
    }
    Payment.objects.filter(pk=payment.pk).update(**facts[fact])
    shop.sandbox.forget(payment.provider_ref)
    shop.let_time_pass(25 * 3600)

    looked = shop.look(payment)

    assert (looked.is_open, looked.attention) == (True, Attention.REFUSED)


# --- the end of the window, judged by the time of the question -------------------------------------------------------


def test_an_answer_that_is_written_after_the_end_calls_nobody(shop: Shop) -> None:
    """Asked before the end, answered "pending", written after it: nobody tried to cancel, so the next check does."""
    order, payment = shop.order()
    Payment.objects.update(window_ends_at=Now())
    Order.objects.update(pay_before=Now(), expires_at=Now())
    CHECK_QUEUE.make_due(Q(pk=payment.pk), AskedBy.OPERATOR)
    claimed = CHECK_QUEUE.claim_one(payment.pk)
    assert claimed

    record([check(claimed, claimed.window_ends_at - timedelta(milliseconds=1))])

    payment = shop.fresh(payment)
    assert payment.attention == ""
    assert payment.next_check_at is not None
    assert payment.next_check_at <= database_now()
    shop.sweep()
    assert (shop.fresh(payment).status, shop.fresh(order).status) == (Status.EXPIRED, OrderStatus.EXPIRED)


def test_a_reason_that_stands_is_told_once(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    """Asked about again and again: one line in the log for one reason."""
    _, payment = shop.order()
    shop.sandbox.fault("cancel", "not_found")
    shop.let_time_pass(3700)
    for _ in range(3):
        assert shop.look(payment).attention == Attention.WINDOW_OVER

    assert caplog.messages.count("payment.attention") == 1


# --- the bank is working ---------------------------------------------------------------------------------------------


def transferred(shop: Shop) -> tuple[Order, Payment]:
    """The customer has paid by a method that takes days."""
    order, payment = shop.order()
    shop.buyer(payment, "transfer")
    return order, shop.look(payment)


def test_what_a_bank_works_on_waits_for_days_without_alarm(shop: Shop) -> None:
    """Not cancelled when the window ends, not for a person, not paid a second time; asked about ever more seldom."""
    order, payment = transferred(shop)
    assert payment.working_since is not None
    Payment.objects.update(working_since=F("working_since") - timedelta(days=3))
    shop.let_time_pass(3 * 24 * 3600)

    shop.sweep()

    payment = shop.fresh(payment)
    assert (payment.status, payment.attention, payment.errors) == (Status.PENDING, "", 0)
    assert payment.next_check_at is not None
    assert timedelta(minutes=59) < payment.next_check_at - database_now() <= timedelta(hours=1)
    assert shop.fresh(order).awaits_payment
    assert shop.sandbox.requests(payment.provider_ref)[-1]["method"] == "GET"
    assert orders.pay_again(order.public_id) is None
    assert not orders.cancel(order.public_id)
    assert shop.fresh(payment).cancel_asked_at is None


@pytest.mark.parametrize(("status", "end"), [("succeeded", OrderStatus.PAID), ("failed", OrderStatus.EXPIRED)])
def test_the_bank_decides_in_the_end(shop: Shop, status: str, end: OrderStatus) -> None:
    """Days after the window: the order is paid, or it has expired, and its goods are back."""
    order, payment = transferred(shop)
    shop.let_time_pass(2 * 24 * 3600)
    shop.sandbox.force(payment.provider_ref, status)

    shop.receive(payment, f"payment.{status}")
    shop.sweep()

    assert (shop.fresh(payment).status, shop.fresh(payment).working_since) == (status, None)
    assert shop.fresh(order).status == end


def test_a_bank_that_takes_longer_than_such_methods_do_is_for_a_person(shop: Shop) -> None:
    """After the longest time in the provider's documents; the payment is still asked about."""
    _, payment = transferred(shop)
    Payment.objects.update(working_since=F("working_since") - timedelta(days=15))

    looked = shop.look(payment)

    assert (looked.status, looked.attention) == (Status.PENDING, Attention.BANK_SLOW)


def test_a_customer_who_came_back_is_known_until_the_next_answer(shop: Shop) -> None:
    """An answer to a question that was asked before the return says nothing about it."""
    order, payment = shop.order()
    CHECK_QUEUE.make_due(Q(pk=payment.pk), AskedBy.OPERATOR)
    claimed = CHECK_QUEUE.claim_one(payment.pk)
    assert claimed
    before = check(claimed, database_now())
    payments.check_reference_now(order.public_id, AskedBy.RETURN)

    record([before])
    assert shop.fresh(payment).returned_at is not None

    shop.sweep()
    assert (shop.fresh(payment).returned_at, shop.fresh(payment).status) == (None, Status.PENDING)
