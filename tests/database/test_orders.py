"""Orders: placed at the catalogue's prices, with their stock put aside, and expired when no money can come any more."""

from collections.abc import Callable

import pytest
from django.db import IntegrityError

from billing.models import Payment
from billing.payments import service as payments
from billing.payments.check import CHECK_QUEUE, check, record
from billing.states import Status
from commerce import carts, orders
from commerce.errors import CannotOrder, EmptyCart, NotEnough, SeveralCurrencies
from commerce.models import Cart, Order, OrderLine, OrderStatus, Product
from config.due.queue import database_now
from tests.shop import CUSTOMER, Shop, another_customer
from tests.stock import held, stock_adds_up
from tests.threads import at_once


def buying(cart: Cart, customer: orders.Customer = CUSTOMER) -> Callable[[], str]:
    """A click on "order": "placed", or the name of what was in the way."""

    def click() -> str:
        try:
            orders.place(cart, customer)
        except CannotOrder as error:
            return type(error).__name__
        return "placed"

    return click


# --- placed ----------------------------------------------------------------------------------------------------------


def test_an_order_costs_what_the_catalogue_says(shop: Shop) -> None:
    """The total is the sum of the lines, and the payment asks for exactly that."""
    espresso, mug = shop.product("espresso", price_minor=450), shop.product("mug", price_minor=1_399)
    cart = shop.cart(espresso, quantity=3)
    carts.add(cart, mug, 2)

    order, payment = orders.place(cart, CUSTOMER)

    assert [str(line.total) for line in order.lines.all()] == ["13.50 EUR", "27.98 EUR"]
    assert str(order.total) == str(payment.amount) == "41.48 EUR"


def test_the_price_is_that_of_the_moment_of_ordering(shop: Shop) -> None:
    """Not that of the moment when the product was put into the cart, and it never changes afterwards."""
    espresso = shop.product(price_minor=450)
    cart = shop.cart(espresso, quantity=2)
    Product.objects.update(price_minor=500)

    order, _ = orders.place(cart, CUSTOMER)
    Product.objects.update(price_minor=900, name="Doppio")

    order = shop.fresh(order)
    assert str(order.total) == "10.00 EUR"
    assert [(line.name, line.price_minor) for line in order.lines.all()] == [("Espresso", 500)]


def test_an_order_keeps_who_ordered_and_until_when_to_pay(shop: Shop) -> None:
    """The customer, the language and the deadline are written down once."""
    order, payment = orders.place(shop.cart(), CUSTOMER)

    order = shop.fresh(order)
    assert (order.email, order.name, order.address, order.language) == (
        CUSTOMER.email,
        CUSTOMER.name,
        CUSTOMER.address,
        CUSTOMER.language,
    )
    assert order.pay_before == order.expires_at == payment.window_ends_at
    assert 3590 < (order.pay_before - order.placed_at).total_seconds() < 3610


def test_the_stock_is_put_aside_when_the_order_is_placed(shop: Shop) -> None:
    """From then on nobody else can have it; a cart alone reserves nothing."""
    espresso = shop.product(stock=5)
    cart = shop.cart(espresso, quantity=3)
    assert shop.fresh(espresso).stock == 5

    orders.place(cart, CUSTOMER)

    assert (shop.fresh(espresso).stock, held(espresso)) == (2, 3)


def test_the_cart_is_empty_afterwards(shop: Shop) -> None:
    """What was ordered is not ordered again."""
    cart = shop.cart()
    orders.place(cart, CUSTOMER)

    with pytest.raises(EmptyCart):
        orders.place(cart, CUSTOMER)

    assert Order.objects.count() == 1


@pytest.mark.parametrize("obstacle", ["fewer left", "sold out", "not for sale"])
def test_what_is_not_to_be_had_is_not_ordered(shop: Shop, obstacle: str) -> None:
    """Neither half an order nor a payment comes of it, the cart stays, and the other products stay on the shelf."""
    mug, espresso = shop.product("mug", stock=10), shop.product("espresso", stock=10)
    cart = shop.cart(mug, espresso, quantity=2)
    obstacles: dict[str, dict[str, int]] = {
        "fewer left": {"stock": 1},
        "sold out": {"stock": 0},
        "not for sale": {"active": False},
    }
    Product.objects.filter(pk=espresso.pk).update(**obstacles[obstacle])

    with pytest.raises(NotEnough):
        orders.place(cart, CUSTOMER)

    assert (Order.objects.count(), Payment.objects.count(), OrderLine.objects.count()) == (0, 0, 0)
    assert (shop.fresh(mug).stock, cart.items.count()) == (10, 2)


def test_one_order_is_in_one_currency(shop: Shop) -> None:
    """A sum of euros and roubles is no amount; nothing is reserved."""
    espresso, tea = shop.product("espresso"), shop.product("tea")
    Product.objects.filter(pk=tea.pk).update(currency="RUB")

    with pytest.raises(SeveralCurrencies):
        orders.place(shop.cart(espresso, tea), CUSTOMER)

    assert (Order.objects.count(), shop.fresh(espresso).stock, shop.fresh(tea).stock) == (0, 10, 10)


# --- at the same time ------------------------------------------------------------------------------------------------


def test_two_buyers_one_item_one_order(shop: Shop) -> None:
    """The last one is sold once."""
    espresso = shop.product(stock=1)

    results = at_once(buying(shop.cart(espresso)), buying(shop.cart(espresso)))

    assert sorted(results) == ["NotEnough", "placed"]
    assert Order.objects.count() == Payment.objects.count() == 1
    assert stock_adds_up(espresso, 1)


def test_many_buyers_never_buy_more_than_there_is(shop: Shop) -> None:
    """Eight want two each of nine: four get them, and one stays on the shelf."""
    espresso = shop.product(stock=9)

    results = at_once(*(buying(shop.cart(espresso, quantity=2), another_customer(number)) for number in range(8)))

    assert sorted(results) == ["NotEnough"] * 4 + ["placed"] * 4
    assert shop.fresh(espresso).stock == 1
    assert stock_adds_up(espresso, 9)


def test_buyers_of_the_same_things_in_another_order_do_not_block_each_other(shop: Shop) -> None:
    """Stock is locked in the order of the products' ids, so there is no deadlock."""
    espresso, mug = shop.product("espresso", stock=20), shop.product("mug", stock=20)
    there, back = [(espresso, mug)] * 4, [(mug, espresso)] * 4

    carts_of_all = [shop.cart(*products, quantity=2) for products in there + back]
    results = at_once(*(buying(cart, another_customer(number)) for number, cart in enumerate(carts_of_all)))

    assert results == ["placed"] * 8
    assert stock_adds_up(espresso, 20)
    assert stock_adds_up(mug, 20)


def test_a_second_click_places_no_second_order(shop: Shop) -> None:
    """Both requests have the same cart; the second one waits, and finds it empty."""
    espresso = shop.product(stock=10)
    cart = shop.cart(espresso)

    results = at_once(buying(cart), buying(cart), buying(cart))

    assert sorted(results) == ["EmptyCart", "EmptyCart", "placed"]
    assert Order.objects.count() == Payment.objects.count() == 1
    assert stock_adds_up(espresso, 10)


# --- paid again ------------------------------------------------------------------------------------------------------


def test_after_a_failed_payment_the_customer_may_try_again(shop: Shop) -> None:
    """Another payment for the same order, with a key of its own; the order is paid with that."""
    espresso = shop.product(stock=3)
    order, failed = shop.order(espresso)
    shop.buyer(failed, "decline")
    shop.sweep_now(failed)
    assert shop.fresh(order).status == OrderStatus.AWAITING_PAYMENT

    second = orders.pay_again(order.public_id)
    assert second is not None
    second = payments.introduce(second)
    assert second.idempotency_key != failed.idempotency_key
    assert (second.amount, second.reference) == (failed.amount, failed.reference)
    shop.buyer(second, "pay")
    shop.sweep_now(second)

    order = shop.fresh(order)
    assert (order.status, order.paid_with) == (OrderStatus.PAID, second)
    assert stock_adds_up(espresso, 3)


def test_while_a_payment_is_open_there_is_no_other(shop: Shop) -> None:
    """Both might be paid."""
    order, _ = shop.order()

    with pytest.raises(payments.PaymentUnresolved):
        orders.pay_again(order.public_id)

    assert Payment.objects.count() == 1


def test_two_clicks_on_try_again_start_one_payment(shop: Shop) -> None:
    """The second click finds the first one's payment open."""
    order, failed = shop.order()
    shop.buyer(failed, "decline")
    shop.sweep_now(failed)

    def click() -> str:
        try:
            return "started" if orders.pay_again(order.public_id) else "too late"
        except payments.PaymentUnresolved:
            return "unresolved"

    assert sorted(at_once(click, click, click)) == ["started", "unresolved", "unresolved"]
    assert Payment.objects.filter(reference=order.public_id).count() == 2


def test_when_the_time_is_over_nobody_can_pay_again(shop: Shop) -> None:
    """The deadline holds before the sweep has noticed it."""
    order, failed = shop.order()
    shop.buyer(failed, "decline")
    shop.sweep_now(failed)
    shop.let_time_pass(3_601)

    assert orders.pay_again(order.public_id) is None


@pytest.mark.parametrize("action", ["pay", "cancel"])
def test_an_order_that_has_ended_is_not_paid_again(shop: Shop, action: str) -> None:
    """Paid is paid; cancelled is over."""
    order, payment = shop.order()
    shop.buyer(payment, action)
    shop.sweep_now(payment)

    assert orders.pay_again(order.public_id) is None
    assert Payment.objects.count() == 1


# --- expired ---------------------------------------------------------------------------------------------------------


def test_an_order_nobody_paid_expires_and_gives_its_stock_back(shop: Shop) -> None:
    """And the payment is called off at the provider first."""
    espresso, mug = shop.product("espresso", stock=5), shop.product("mug", stock=5)
    order, payment = shop.order(espresso, mug, quantity=2)
    shop.let_time_pass(3_700)

    shop.sweep()

    order = shop.fresh(order)
    assert (order.status, order.expires_at, order.paid_with) == (OrderStatus.EXPIRED, None, None)
    assert order.ended_at is not None
    assert shop.fresh(payment).status == Status.EXPIRED
    assert (shop.fresh(espresso).stock, shop.fresh(mug).stock) == (5, 5)


def test_before_its_time_nothing_expires(shop: Shop) -> None:
    """A minute before the deadline the order stands."""
    order, _ = shop.order()
    shop.let_time_pass(3_540)

    shop.sweep()

    assert shop.fresh(order).status == OrderStatus.AWAITING_PAYMENT


def test_an_order_whose_payment_failed_waits_for_its_deadline_and_then_expires(shop: Shop) -> None:
    """There is no open payment to call off; the stock comes back all the same."""
    espresso = shop.product(stock=2)
    order, payment = shop.order(espresso)
    shop.buyer(payment, "decline")
    shop.sweep_now(payment)
    shop.let_time_pass(3_700)

    shop.sweep()

    assert shop.fresh(order).status == OrderStatus.EXPIRED
    assert shop.fresh(espresso).stock == 2


@pytest.mark.parametrize("kind", ["refuse", "status_500"])
def test_while_the_provider_is_down_no_order_expires(shop: Shop, kind: str) -> None:
    """Money may come as long as the payment is not resolved: the order waits, and expires when it is."""
    espresso = shop.product(stock=2)
    order, payment = shop.order(espresso)
    shop.sandbox.outage(kind, 600)
    shop.let_time_pass(3_700)
    for _ in range(3):
        shop.sweep()
        shop.let_time_pass(30)
    assert shop.fresh(order).status == OrderStatus.AWAITING_PAYMENT
    assert (shop.fresh(payment).is_open, shop.fresh(espresso).stock) == (True, 1)

    shop.sandbox.end_outage()
    shop.let_time_pass(60)
    shop.sweep()

    assert (shop.fresh(order).status, shop.fresh(payment).status) == (OrderStatus.EXPIRED, Status.EXPIRED)
    assert shop.fresh(espresso).stock == 2


def test_money_paid_before_an_outage_is_found_after_it(shop: Shop) -> None:
    """However late the answer: the order waited for it, so its goods are still there."""
    espresso = shop.product(stock=1)
    order, payment = shop.order(espresso)
    shop.buyer(payment, "pay")
    shop.sandbox.outage("status_500", 600)
    shop.let_time_pass(3_700)
    shop.sweep()

    shop.sandbox.end_outage()
    shop.let_time_pass(60)
    shop.sweep()

    assert shop.fresh(order).status == OrderStatus.PAID
    assert stock_adds_up(espresso, 1)


def test_a_payment_that_never_reached_the_provider_is_called_off_too(shop: Shop) -> None:
    """Whether the provider knows it is not known: it is made known with the same key, and then cancelled."""
    shop.sandbox.outage("status_500", 600)
    order, payment = shop.order()
    assert (payment.status, payment.provider_ref) == (Status.CREATED, "")
    shop.let_time_pass(3_700)
    shop.sweep()
    assert shop.fresh(order).status == OrderStatus.AWAITING_PAYMENT

    shop.sandbox.end_outage()
    shop.let_time_pass(60)
    shop.sweep()

    assert shop.fresh(order).status == OrderStatus.EXPIRED
    theirs = [each["status"] for each in shop.sandbox.payments() if each["reference"] == order.public_id]
    assert theirs == ["canceled"]


def test_orders_that_expire_hold_up_no_other(shop: Shop) -> None:
    """One whose payment is unresolved waits; the others go."""
    espresso = shop.product(stock=10)
    stuck, payment = shop.order(espresso)
    others = [shop.order(espresso)[0] for _ in range(3)]
    shop.sandbox.fault("any", "status_500", payment=payment.provider_ref)
    shop.let_time_pass(3_700)

    shop.sweep()

    assert shop.fresh(stuck).status == OrderStatus.AWAITING_PAYMENT
    assert {shop.fresh(order).status for order in others} == {OrderStatus.EXPIRED}
    assert stock_adds_up(espresso, 10)


def test_two_sweeps_at_once_give_the_stock_back_once(shop: Shop) -> None:
    """An order expires once."""
    espresso = shop.product(stock=10)
    placed = [shop.order(espresso, quantity=2, by=another_customer(number)) for number in range(4)]
    for _, payment in placed:
        shop.buyer(payment, "decline")
        shop.look(payment)
    shop.let_time_pass(3_700)

    at_once(orders.expire_due, orders.expire_due, orders.expire_due)
    shop.sweep()

    assert {shop.fresh(order).status for order, _ in placed} == {OrderStatus.EXPIRED}
    assert shop.fresh(espresso).stock == 10


# --- cancelled by the customer ---------------------------------------------------------------------------------------


def test_a_customer_cancels_and_the_payment_is_called_off_first(shop: Shop) -> None:
    """The order waits until the provider has confirmed it; then it is cancelled, not expired, and the stock is back."""
    espresso = shop.product(stock=3)
    order, payment = shop.order(espresso, quantity=2)

    assert orders.cancel(order.public_id)
    assert (shop.fresh(order).status, shop.fresh(espresso).stock) == (OrderStatus.AWAITING_PAYMENT, 1)
    shop.sweep()

    assert (shop.fresh(order).status, shop.fresh(payment).status) == (OrderStatus.CANCELED, Status.CANCELED)
    assert shop.fresh(payment).found_by == "customer"
    assert shop.sandbox.payments()[-1]["status"] == "canceled"
    assert shop.fresh(espresso).stock == 3


def test_money_that_was_quicker_than_the_customer_pays_the_order(shop: Shop) -> None:
    """Paid in another window a moment before: the goods are the customer's."""
    espresso = shop.product(stock=2)
    order, payment = shop.order(espresso)
    shop.buyer(payment, "pay")

    orders.cancel(order.public_id)
    shop.sweep()

    assert (shop.fresh(order).status, shop.fresh(payment).status) == (OrderStatus.PAID, Status.SUCCEEDED)
    assert stock_adds_up(espresso, 2)


def test_money_that_waits_for_settlement_is_not_cancelled(shop: Shop) -> None:
    """The payment has succeeded, the order has not heard of it yet."""
    order, payment = shop.order()
    shop.buyer(payment, "pay")
    shop.look(payment)

    assert not orders.cancel(order.public_id)
    shop.sweep()

    assert shop.fresh(order).status == OrderStatus.PAID
    assert not order.events.exists()


def test_an_order_without_an_open_payment_is_cancelled_at_once(shop: Shop) -> None:
    """Nobody has to be asked: the last payment failed."""
    espresso = shop.product(stock=2)
    order, payment = shop.order(espresso)
    shop.buyer(payment, "decline")
    shop.sweep_now(payment)

    assert orders.cancel(order.public_id)

    assert (shop.fresh(order).status, shop.fresh(espresso).stock) == (OrderStatus.CANCELED, 2)


@pytest.mark.parametrize("action", ["pay", "cancel", "expire"])
def test_what_has_ended_cannot_be_cancelled(shop: Shop, action: str) -> None:
    """It stays what it is."""
    order, payment = shop.order()
    if action == "expire":
        shop.let_time_pass(3_700)
    else:
        shop.buyer(payment, action)
    shop.sweep_now(payment)
    before = shop.fresh(order)

    assert not orders.cancel(order.public_id)

    assert (shop.fresh(order).status, shop.fresh(order).ended_at) == (before.status, before.ended_at)


def test_while_the_provider_is_down_a_cancelled_order_waits(shop: Shop) -> None:
    """Nobody knows whether it was paid; nobody may pay again; and when the provider is back it is cancelled."""
    espresso = shop.product(stock=2)
    order, payment = shop.order(espresso)
    shop.sandbox.outage("status_500", 600)
    orders.cancel(order.public_id)
    shop.sweep()
    assert (shop.fresh(order).status, shop.fresh(payment).is_open) == (OrderStatus.AWAITING_PAYMENT, True)
    with pytest.raises(payments.PaymentUnresolved):
        payments.start(
            reference=order.public_id,
            amount=payment.amount,
            description="again",
            return_url=payment.return_url,
            window_ends_at=payment.window_ends_at,
            account="sandbox",
        )

    shop.sandbox.end_outage()
    shop.let_time_pass(60)
    shop.sweep()

    assert (shop.fresh(order).status, shop.fresh(espresso).stock) == (OrderStatus.CANCELED, 2)


def test_a_payment_that_fails_while_it_is_called_off_cancels_the_order(shop: Shop) -> None:
    """The bank refused it a moment before: the customer wanted no other one, and cannot start any."""
    espresso = shop.product(stock=2)
    order, payment = shop.order(espresso)
    shop.buyer(payment, "decline")
    orders.cancel(order.public_id)
    shop.look(payment)
    assert shop.fresh(payment).status == Status.FAILED
    assert orders.pay_again(order.public_id) is None

    shop.sweep()

    assert (shop.fresh(order).status, shop.fresh(espresso).stock) == (OrderStatus.CANCELED, 2)


def test_a_look_under_way_does_not_swallow_the_customers_wish(shop: Shop) -> None:
    """The look began before the customer cancelled and finds nothing new: another one follows it at once."""
    order, payment = shop.order()
    shop.let_time_pass(6)
    claimed = CHECK_QUEUE.claim_one(payment.pk)
    assert claimed is not None
    found = check(claimed, database_now())

    orders.cancel(order.public_id)
    record([found])
    assert (shop.fresh(payment).status, shop.fresh(payment).attention) == (Status.PENDING, "")
    shop.sweep()

    assert shop.fresh(order).status == OrderStatus.CANCELED


def test_clicks_on_cancel_at_once_give_the_stock_back_once(shop: Shop) -> None:
    """With an open payment and without one."""
    espresso = shop.product(stock=6)
    waiting, _ = shop.order(espresso, quantity=2)
    failed, payment = shop.order(espresso, quantity=2)
    shop.buyer(payment, "decline")
    shop.sweep_now(payment)

    at_once(*[_cancelling(order) for order in (waiting, failed) for _ in range(3)])
    shop.sweep()

    assert {shop.fresh(order).status for order in (waiting, failed)} == {OrderStatus.CANCELED}
    assert shop.fresh(espresso).stock == 6
    assert waiting.events.count() == failed.events.count() == 1


# --- delivered -------------------------------------------------------------------------------------------------------


def test_a_paid_order_is_delivered(shop: Shop) -> None:
    """Once; it stays paid with what it was paid with, and remembers who said so."""
    espresso = shop.product(stock=2)
    order, payment = shop.order(espresso)
    shop.buyer(payment, "pay")
    shop.sweep_now(payment)

    assert at_once(*[lambda: orders.mark_delivered(order.pk, "sam")] * 3).count(True) == 1

    order = shop.fresh(order)
    assert (order.status, order.paid_with) == (OrderStatus.DELIVERED, payment)
    assert order.delivered_at is not None
    assert [(event.kind, event.by) for event in order.events.all()] == [("delivered", "sam")]
    assert stock_adds_up(espresso, 2)


@pytest.mark.parametrize("action", [None, "cancel", "decline"])
def test_what_is_not_paid_is_not_delivered(shop: Shop, action: str | None) -> None:
    """Nothing is written down."""
    order, payment = shop.order()
    if action:
        shop.buyer(payment, action)
        shop.sweep_now(payment)
    before = shop.fresh(order).status

    assert not orders.mark_delivered(order.pk, "sam")

    assert (shop.fresh(order).status, order.events.count()) == (before, 0)


@pytest.mark.parametrize("wrong", [{"paid_with": None}, {"delivered_at": None}, {"status": "refunded"}])
def test_the_database_keeps_the_rules_of_delivered_orders(shop: Shop, wrong: dict[str, None]) -> None:
    """Delivered means paid, and at a time."""
    order, payment = shop.order()
    shop.buyer(payment, "pay")
    shop.sweep_now(payment)
    orders.mark_delivered(order.pk, "sam")

    with pytest.raises(IntegrityError):
        Order.objects.filter(pk=order.pk).update(**wrong)


def test_money_on_top_of_a_delivered_order_is_a_case_for_a_person(shop: Shop) -> None:
    """As on top of a paid one."""
    order, first = shop.order()
    shop.buyer(first, "decline")
    shop.sweep_now(first)
    second = orders.pay_again(order.public_id)
    assert second is not None
    second = payments.introduce(second)
    shop.buyer(second, "pay")
    shop.sweep_now(second)
    orders.mark_delivered(order.pk, "sam")

    shop.sandbox.force(first.provider_ref, "succeeded")
    shop.receive(first)
    shop.sweep()

    order = shop.fresh(order)
    assert (order.status, order.paid_with) == (OrderStatus.DELIVERED, second)
    assert "paid twice" in order.attention_note


def _cancelling(order: Order) -> Callable[[], bool]:
    return lambda: orders.cancel(order.public_id)
