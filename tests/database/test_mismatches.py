"""Money that is not what we asked for: noted, shown, and decided on by a person; nothing of it is silent."""

from uuid import uuid4

import pytest
from django.db.models import Q

from billing import mismatches, payments, refunds
from billing.looks import CHECKS, look, record
from billing.mismatches import CannotDecide
from billing.models import Attention, Payment
from billing.money import Money
from billing.states import Status
from commerce.models import Order, OrderStatus, Product
from config.due import database_now
from tests.shop import Shop
from tests.stock import stock_adds_up
from tests.threads import at_once


def takes(shop: Shop, value: str, currency: str = "EUR") -> tuple[Order, Payment]:
    """An order of 4.50 EUR for which the provider took something else, looked at."""
    order, payment = shop.order(shop.product(stock=3))
    shop.sandbox.force(payment.provider_ref, "succeeded", "", {"value": value, "currency": currency})
    shop.sweep_now(payment)
    return shop.fresh(order), shop.fresh(payment)


def theirs(shop: Shop, payment: Payment) -> int:
    """What the provider holds for us of this payment, in minor units."""
    (found,) = (each for each in shop.sandbox.payments() if each["id"] == payment.provider_ref)
    if found["status"] != "succeeded":
        return 0
    back = found.get("refunded_amount", {"value": "0"})["value"]
    return Money.parse(found["amount"]["value"], "EUR").minor - Money.parse(back, "EUR").minor


def ours(payment: Payment) -> int:
    """What our books say of it."""
    return payment.left.minor if payment.left else 0


@pytest.mark.parametrize("value", ["4.49", "4.51", "450.00"])
def test_another_sum_is_noted_and_waits_for_a_person(shop: Shop, value: str) -> None:
    """The payment stays open, slowly looked at; the order waits, and cannot be paid a second time."""
    order, payment = takes(shop, value)

    assert (payment.status, payment.attention) == (Status.PENDING, Attention.MISMATCH)
    assert str(payment.received) == f"{value} EUR"
    assert (order.status, ours(payment)) == (OrderStatus.AWAITING_PAYMENT, theirs(shop, payment))
    assert payments.money_may_come(order.public_id)


@pytest.mark.parametrize("value", ["4.49", "4.51"])
def test_a_person_accepts_it_as_it_is(shop: Shop, value: str) -> None:
    """The order is paid; the difference, and who decided why, stay on the row."""
    order, payment = takes(shop, value)

    mismatches.accept(payment.pk, "olga", "rounded by the bank")
    shop.sweep()

    payment, order = shop.fresh(payment), shop.fresh(order)
    assert (payment.status, payment.attention, payment.next_check_at) == (Status.SUCCEEDED, "", None)
    assert (payment.decided_by, payment.decided_why, payment.found_by) == ("olga", "rounded by the bank", "operator")
    assert (order.status, str(payment.received)) == (OrderStatus.PAID, f"{value} EUR")
    assert ours(payment) == theirs(shop, payment)
    assert stock_adds_up(Product.objects.get(), 3)


def test_what_came_is_what_can_go_back(shop: Shop) -> None:
    """After an overpayment the difference, or everything; after an underpayment not a unit more than came."""
    order, payment = takes(shop, "5.00")
    mismatches.accept(payment.pk, "olga", "she paid too much")
    shop.sweep()

    shop.refund(payment, "0.50")
    shop.sweep()
    assert (shop.fresh(order).status, shop.fresh(order).refunded_minor) == (OrderStatus.PAID, 50)
    with pytest.raises(refunds.CannotRefund, match=r"4\.50 EUR can be given back at the most"):
        shop.refund(payment, "4.51")
    shop.refund(payment)
    shop.sweep()

    assert shop.fresh(order).status == OrderStatus.REFUNDED
    assert ours(shop.fresh(payment)) == theirs(shop, payment) == 0


def test_less_than_we_asked_for_is_the_limit(shop: Shop) -> None:
    """The database checks against what came, too."""
    _, payment = takes(shop, "4.00")
    mismatches.accept(payment.pk, "olga", "never mind")

    with pytest.raises(refunds.CannotRefund, match=r"4\.00 EUR can be given back at the most"):
        shop.refund(payment, "4.50")


@pytest.mark.parametrize(("value", "currency"), [("4.51", "EUR"), ("4.50", "USD")])
def test_a_person_gives_all_of_it_back(shop: Shop, value: str, currency: str) -> None:
    """In the currency that came. The payment has failed, and the customer may try again."""
    order, payment = takes(shop, value, currency)
    key = uuid4().hex

    ids = at_once(*[lambda: mismatches.give_back(payment.pk, "olga", "not our price", key).pk] * 3)
    shop.sweep()

    payment = shop.fresh(payment)
    assert len(set(ids)) == 1
    assert (payment.status, payment.refunds_minor, payment.decided_by) == (
        Status.FAILED,
        payment.received_minor,
        "olga",
    )
    assert (str(payment.refunds.get().amount), ours(payment), theirs(shop, payment)) == (f"{value} {currency}", 0, 0)
    assert shop.fresh(order).status == OrderStatus.AWAITING_PAYMENT
    assert not payments.money_may_come(order.public_id)
    assert order.notifications.filter(kind="money_back").count() == 1


def test_what_was_given_back_is_not_news(shop: Shop) -> None:
    """The provider still says "succeeded" when it is asked once more: it was decided on."""
    order, payment = takes(shop, "4.51")
    mismatches.give_back(payment.pk, "olga", "not our price", uuid4().hex)
    shop.sweep()
    before = shop.fresh(payment)

    shop.receive(payment)
    shop.sweep()

    payment = shop.fresh(payment)
    assert (payment.status, payment.attention, payment.ended_at) == (Status.FAILED, "", before.ended_at)
    assert shop.fresh(order).attention_note == ""


def test_another_currency_is_never_accepted(shop: Shop) -> None:
    """4.50 USD are not 4.50 EUR."""
    _, payment = takes(shop, "4.50", "USD")

    with pytest.raises(CannotDecide, match="only EUR can count"):
        mismatches.accept(payment.pk, "olga", "looks right")

    assert shop.fresh(payment).status == Status.PENDING


def test_a_refund_that_fails_leaves_the_money_to_decide_on(shop: Shop) -> None:
    """The provider will not give it back: it can be tried again, or be accepted after all."""
    shop.sandbox.refunds_start_as("failed")
    order, payment = takes(shop, "4.51")
    mismatches.give_back(payment.pk, "olga", "not our price", uuid4().hex)
    shop.sweep()
    assert ours(shop.fresh(payment)) == theirs(shop, payment) == 451
    assert "did not go through" in shop.fresh(order).attention_note

    mismatches.accept(payment.pk, "boris", "keep it then")
    shop.sweep()

    assert (shop.fresh(payment).status, shop.fresh(order).status) == (Status.SUCCEEDED, OrderStatus.PAID)


def test_a_mismatch_that_the_provider_corrects_is_forgotten(shop: Shop) -> None:
    """One wrong answer, and then the right one."""
    order, payment = shop.order()
    shop.buyer(payment, "pay")
    shop.sandbox.fault("status", "wrong_amount", times=1)
    payment = shop.look(payment)
    assert (payment.attention, payment.received) == (Attention.MISMATCH, Money(550, "EUR"))

    shop.sweep_now(payment)

    payment = shop.fresh(payment)
    assert (payment.status, payment.received_minor, payment.received) == (Status.SUCCEEDED, None, payment.amount)
    assert shop.fresh(order).status == OrderStatus.PAID


def test_a_wrong_sum_that_comes_late_is_decided_on_as_well(shop: Shop) -> None:
    """The payment had ended unpaid; accepted, it is late money."""
    order, payment = shop.order(shop.product(stock=3))
    shop.buyer(payment, "cancel")
    shop.sweep_now(payment)
    shop.sandbox.force(payment.provider_ref, "succeeded", "", {"value": "4.00", "currency": "EUR"})
    shop.receive(payment)
    shop.sweep()
    payment = shop.fresh(payment)
    assert (payment.status, payment.attention) == (Status.CANCELED, Attention.MISMATCH)

    mismatches.accept(payment.pk, "olga", "never mind")
    shop.sweep()

    assert (shop.fresh(payment).status, shop.fresh(order).status) == (Status.SUCCEEDED, OrderStatus.PAID)


def test_an_unpaid_end_is_believed_whatever_its_amount(shop: Shop) -> None:
    """No money is in it, and the order must not wait for ever."""
    order, payment = shop.order(shop.product(stock=3))
    shop.sandbox.fault("any", "wrong_amount")
    shop.look(payment)
    assert shop.fresh(payment).attention == Attention.MISMATCH

    shop.let_time_pass(4000)
    shop.sweep_now(payment)

    assert (shop.fresh(payment).status, shop.fresh(order).status) == (Status.EXPIRED, OrderStatus.EXPIRED)
    assert stock_adds_up(Product.objects.get(), 3)


def test_a_payment_of_somebody_else_is_closed_by_a_person(shop: Shop) -> None:
    """Another reference, and no money: nothing of it is believed, so somebody looks and ends it."""
    order, payment = shop.order(shop.product(stock=3))
    shop.sandbox.fault("status", "wrong_reference")
    payment = shop.look(payment)
    assert (payment.attention, payment.received) == (Attention.MISMATCH, None)

    mismatches.close(payment.pk, "olga", "not in their list")
    shop.sweep()

    assert (shop.fresh(payment).status, shop.fresh(order).status) == (Status.CANCELED, OrderStatus.CANCELED)


def test_nobody_decides_where_there_is_nothing_to_decide(shop: Shop) -> None:
    """A pending payment, a paid one, and one that has money in it."""
    _, pending = shop.order(shop.product(stock=9))
    _, paid = shop.paid()
    _, wrong = shop.order()
    shop.sandbox.force(wrong.provider_ref, "succeeded", "", {"value": "9.00", "currency": "EUR"})
    shop.look(wrong)

    for payment in (pending, paid):
        for verb in (mismatches.accept, mismatches.close):
            with pytest.raises(CannotDecide):
                verb(payment.pk, "olga", "")
        with pytest.raises(CannotDecide):
            mismatches.give_back(payment.pk, "olga", "", uuid4().hex)
    with pytest.raises(CannotDecide, match="There is money"):
        mismatches.close(wrong.pk, "olga", "")


def test_a_decision_wins_over_a_look_that_is_under_way(shop: Shop) -> None:
    """The look's claim is lost; what it brings changes nothing."""
    order, payment = takes(shop, "4.51")
    CHECKS.make_due(Q(pk=payment.pk), "operator")
    claimed = CHECKS.claim_one(payment.pk)
    assert claimed is not None
    found = look(claimed, database_now())

    mismatches.accept(payment.pk, "olga", "fine")
    record([found])
    shop.sweep()

    assert (shop.fresh(payment).status, shop.fresh(order).status) == (Status.SUCCEEDED, OrderStatus.PAID)
