"""Settlement: what happened to payments becomes what happens to orders, once, whatever the order of events."""

from datetime import timedelta

import pytest
from django.db.models import F, Q
from django.db.models.functions import Now

from billing.callbacks import inbox
from billing.models import Payment, PaymentEvent
from billing.money import Money
from billing.payments import service as payments
from billing.payments import sweep
from billing.states import Status
from commerce import orders, settlement
from commerce.models import Notification, Order, OrderStatus, Product
from config.due.queue import database_now
from tests.shop import CUSTOMER, Shop, another_customer
from tests.stock import stock_adds_up
from tests.threads import at_once

pytestmark = pytest.mark.sqlite_is_enough


def settle_in_order(events: list[PaymentEvent]) -> None:
    """Settle these events one after the other, whenever they came about and however often they were settled before."""
    for event in events:
        PaymentEvent.objects.filter(settle_after__isnull=False).update(settle_after=Now() + timedelta(hours=1))
        PaymentEvent.objects.filter(pk=event.pk).update(settle_after=Now(), claims=0)
        settlement.settle_due()


def late_success(shop: Shop, payment: Payment) -> None:
    """The provider took the money after all, and says so in a callback; nothing is settled yet."""
    shop.sandbox.force(payment.provider_ref, "succeeded")
    shop.receive(payment, "payment.succeeded")
    inbox.process_due()
    sweep.check_one(payment.pk)


def try_again(order: Order) -> Payment:
    """The customer's second payment, known to the provider."""
    payment = orders.pay_again(order.public_id)
    assert payment is not None
    return payments.introduce(payment)


# --- in time ---------------------------------------------------------------------------------------------------------


def test_a_paid_payment_makes_a_paid_order(shop: Shop) -> None:
    """The order knows what it was paid with, and the confirmation is queued in the same transaction."""
    espresso = shop.product(stock=2)
    order, payment = shop.order(espresso)
    shop.buyer(payment, "pay")
    shop.look(payment)

    settlement.settle_due()

    order = shop.fresh(order)
    assert (order.status, order.paid_with, order.expires_at) == (OrderStatus.PAID, payment, None)
    assert [mail.kind for mail in order.notifications.all()] == ["seller_notification", "order_confirmation"]
    assert stock_adds_up(espresso, 2)


@pytest.mark.parametrize(
    ("action", "status", "stock"),
    [
        ("pay", OrderStatus.PAID, 1),
        ("cancel", OrderStatus.CANCELED, 2),
        ("decline", OrderStatus.AWAITING_PAYMENT, 1),
        ("authorize", OrderStatus.AWAITING_PAYMENT, 1),
    ],
)
def test_what_each_outcome_means_for_the_order(shop: Shop, action: str, status: OrderStatus, stock: int) -> None:
    """Paid, called off, free to try again, or still waiting."""
    espresso = shop.product(stock=2)
    order, payment = shop.order(espresso)
    shop.buyer(payment, action)
    shop.look(payment)

    settlement.settle_due()

    assert (shop.fresh(order).status, shop.fresh(espresso).stock) == (status, stock)
    assert stock_adds_up(espresso, 2)


def test_a_settled_event_is_not_due_any_more(shop: Shop) -> None:
    """Nothing is left to do, and nothing is counted against it."""
    _, payment = shop.order()
    shop.buyer(payment, "pay")
    shop.look(payment)

    assert settlement.settle_due() == 2
    assert settlement.settle_due() == 0
    assert not PaymentEvent.objects.filter(Q(settle_after__isnull=False) | ~Q(claims=0)).exists()


# --- twice, and in any order -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("action", ["pay", "cancel"])
def test_settling_the_same_events_again_changes_nothing(shop: Shop, action: str) -> None:
    """One state, one confirmation, and the stock moves once."""
    espresso = shop.product(stock=5)
    order, payment = shop.order(espresso, quantity=2)
    shop.buyer(payment, action)
    shop.look(payment)
    events = list(payment.events.all())
    settle_in_order(events)
    before = (shop.fresh(order).status, shop.fresh(order).ended_at, shop.fresh(espresso).stock)

    settle_in_order(events + events)

    assert (shop.fresh(order).status, shop.fresh(order).ended_at, shop.fresh(espresso).stock) == before
    assert Notification.objects.count() == (2 if action == "pay" else 0)
    assert shop.fresh(order).attention_note == ""


@pytest.mark.parametrize("action", ["pay", "cancel", "decline", "authorize"])
def test_events_settled_in_reverse_lead_to_the_same_end(shop: Shop, action: str) -> None:
    """The payment is looked at as it is now; the event only says that there is something to see."""
    espresso = shop.product(stock=5)
    ends = []
    for reverse in (False, True):
        order, payment = shop.order(espresso)
        shop.buyer(payment, action)
        shop.look(payment)
        settle_in_order(sorted(payment.events.all(), key=lambda event: event.pk, reverse=reverse))
        ends.append(shop.fresh(order).status)

    assert ends[0] == ends[1]
    assert stock_adds_up(espresso, 5)


@pytest.mark.postgres_too
def test_many_settlers_at_once_settle_once(shop: Shop) -> None:
    """Workers share the events; each order is paid, and confirmed, once."""
    espresso = shop.product(stock=20)
    placed = [shop.order(espresso, by=another_customer(number)) for number in range(8)]
    for _, payment in placed:
        shop.buyer(payment, "pay")
        shop.look(payment)

    at_once(*[settlement.settle_due] * 4)
    settlement.settle_due()

    assert {shop.fresh(order).status for order, _ in placed} == {OrderStatus.PAID}
    assert Notification.objects.count() == 2 * 8
    assert stock_adds_up(espresso, 20)


@pytest.mark.postgres_too
def test_money_that_waits_for_settlement_keeps_the_order_from_expiring(shop: Shop) -> None:
    """The deadline passes between the payment's success and the order's; both sweeps run at once."""
    espresso = shop.product(stock=4)
    placed = [shop.order(espresso) for _ in range(4)]
    for _, payment in placed:
        shop.buyer(payment, "pay")
        shop.look(payment)
    shop.let_time_pass(3_700)

    at_once(orders.expire_due, settlement.settle_due, orders.expire_due, settlement.settle_due)
    shop.sweep()

    assert {shop.fresh(order).status for order, _ in placed} == {OrderStatus.PAID}
    assert stock_adds_up(espresso, 4)


@pytest.mark.parametrize("first_ends", ["cancel", "expire"])
def test_an_older_payments_end_does_not_end_an_order_that_was_paid_with_a_newer_one(
    shop: Shop, first_ends: str
) -> None:
    """The money came in time: the goods must not go back on the shelf because an older event is settled first."""
    espresso = shop.product(stock=1)
    order, first = shop.order(espresso)
    if first_ends == "cancel":
        shop.buyer(first, "cancel")
    else:
        Payment.objects.filter(pk=first.pk).update(window_ends_at=F("created_at"))
    shop.look(first)
    second = try_again(order)
    shop.buyer(second, "pay")
    shop.look(second)
    shop.let_time_pass(3_700 if first_ends == "expire" else 0)

    settle_in_order([first.events.get(target__in=(Status.CANCELED, Status.EXPIRED))])
    assert shop.fresh(order).status == OrderStatus.AWAITING_PAYMENT
    assert shop.fresh(espresso).stock == 0

    PaymentEvent.objects.filter(settle_after__isnull=False).update(settle_after=Now())
    settlement.settle_due()
    assert (shop.fresh(order).status, shop.fresh(order).paid_with) == (OrderStatus.PAID, second)


def test_an_event_whose_worker_died_is_settled_after_its_lease(shop: Shop) -> None:
    """A dead worker costs one lease and nothing else."""
    order, payment = shop.order()
    shop.buyer(payment, "pay")
    shop.look(payment)
    assert settlement.SETTLEMENT_QUEUE.claim_batch(10)
    assert settlement.settle_due() == 0

    PaymentEvent.objects.update(settle_after=F("settle_after") - settlement.SETTLEMENT_QUEUE.lease)
    for _ in range(2):
        settlement.settle_due()

    assert shop.fresh(order).status == OrderStatus.PAID


# --- somebody else's -------------------------------------------------------------------------------------------------


def test_payments_for_something_else_are_left_alone(shop: Shop) -> None:
    """Billing serves others too: an event whose reference is no order of ours is settled by doing nothing."""
    order, _ = shop.order()
    foreign = payments.introduce(
        payments.start(
            reference="invoice-17",
            amount=Money(990, "EUR"),
            description="Invoice 17",
            return_url="http://127.0.0.1:8000/",
            window_ends_at=database_now() + timedelta(hours=1),
            account="sandbox",
        )
    )
    shop.buyer(foreign, "pay")
    assert shop.look(foreign).status == Status.SUCCEEDED

    settlement.settle_due()

    assert not foreign.events.filter(settle_after__isnull=False).exists()
    assert shop.fresh(order).status == OrderStatus.AWAITING_PAYMENT
    assert not Notification.objects.exists()


# --- late money ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", [OrderStatus.CANCELED, OrderStatus.EXPIRED])
def test_late_money_is_accepted_while_the_goods_are_there(shop: Shop, end: OrderStatus) -> None:
    """The order is paid after all, its stock is taken again, and the customer hears of it."""
    espresso = shop.product(stock=3)
    order, payment = ended_unpaid(shop, espresso, end)
    assert (shop.fresh(order).status, shop.fresh(espresso).stock) == (end, 3)

    late_success(shop, payment)
    settlement.settle_due()

    order = shop.fresh(order)
    assert (order.status, order.paid_with, order.attention_note) == (OrderStatus.PAID, payment, "")
    assert order.notifications.count() == 2
    assert stock_adds_up(espresso, 3)


@pytest.mark.parametrize("end", [OrderStatus.CANCELED, OrderStatus.EXPIRED])
def test_late_money_for_goods_that_are_gone_is_a_case_for_a_person(shop: Shop, end: OrderStatus) -> None:
    """The order stays ended, the other customer keeps the goods, and a note says what happened."""
    espresso = shop.product(stock=1)
    order, payment = ended_unpaid(shop, espresso, end)
    orders.place(shop.cart(espresso), CUSTOMER)

    late_success(shop, payment)
    settlement.settle_due()

    order = shop.fresh(order)
    assert (order.status, order.paid_with) == (end, None)
    assert "late payment" in order.attention_note
    assert str(payment.pk) in order.attention_note
    assert not Notification.objects.exists()
    assert stock_adds_up(espresso, 1)


def test_late_money_for_an_order_of_which_only_a_part_is_left_takes_nothing(shop: Shop) -> None:
    """All or nothing: what is still there stays on the shelf for others."""
    espresso, mug, tea = (shop.product(slug, stock=1) for slug in ("espresso", "mug", "tea"))
    order, payment = shop.order(espresso, mug, tea)
    shop.let_time_pass(3_700)
    shop.sweep()
    orders.place(shop.cart(mug), CUSTOMER)

    late_success(shop, payment)
    settlement.settle_due()

    assert "late payment" in shop.fresh(order).attention_note
    assert [shop.fresh(product).stock for product in (espresso, mug, tea)] == [1, 0, 1]
    assert all(stock_adds_up(product, 1) for product in (espresso, mug, tea))


def test_late_money_for_a_failed_payment_pays_an_order_that_still_waits(shop: Shop) -> None:
    """The order holds its stock, so nothing has to be taken again."""
    espresso = shop.product(stock=1)
    order, payment = shop.order(espresso)
    shop.buyer(payment, "decline")
    shop.sweep_now(payment)

    late_success(shop, payment)
    settlement.settle_due()

    assert shop.fresh(order).status == OrderStatus.PAID
    assert stock_adds_up(espresso, 1)


# --- paid twice ------------------------------------------------------------------------------------------------------


def test_an_order_that_is_paid_twice_is_a_case_for_a_person(shop: Shop) -> None:
    """It stays paid with the first money; the note names both payments; the customer gets one confirmation."""
    espresso = shop.product(stock=2)
    order, first = shop.order(espresso)
    shop.buyer(first, "decline")
    shop.sweep_now(first)
    second = try_again(order)
    shop.buyer(second, "pay")
    shop.sweep_now(second)

    late_success(shop, first)
    settlement.settle_due()

    order = shop.fresh(order)
    assert (order.status, order.paid_with) == (OrderStatus.PAID, second)
    assert f"paid twice: payment {first.pk} came after {second.pk}" in order.attention_note
    assert order.notifications.count() == 2
    assert stock_adds_up(espresso, 2)


@pytest.mark.postgres_too
def test_two_payments_that_succeed_at_once_pay_the_order_once(shop: Shop) -> None:
    """Whichever is settled first pays it, the other one is a case for a person."""
    espresso = shop.product(stock=2)
    order, first = shop.order(espresso)
    shop.buyer(first, "decline")
    shop.sweep_now(first)
    second = try_again(order)
    shop.buyer(second, "pay")
    shop.look(second)
    late_success(shop, first)

    at_once(settlement.settle_due, settlement.settle_due)
    settlement.settle_due()

    order = shop.fresh(order)
    assert order.status == OrderStatus.PAID
    assert order.paid_with in (first, second)
    assert "paid twice" in order.attention_note
    assert order.notifications.count() == 2
    assert stock_adds_up(espresso, 2)


def ended_unpaid(shop: Shop, product: Product, end: OrderStatus) -> tuple[Order, Payment]:
    """An order that was cancelled by the buyer, or that nobody paid for in time."""
    order, payment = shop.order(product)
    if end == OrderStatus.CANCELED:
        shop.buyer(payment, "cancel")
        shop.sweep_now(payment)
    else:
        shop.let_time_pass(3_700)
        shop.sweep()
    return order, payment
