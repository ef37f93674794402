"""The nightly cleanup: old carts go, others stay, and nobody who uses the shop notices."""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.db.models import Q

from billing.models import Payment
from billing.payments import service as payments
from commerce import carts, orders, pruning
from commerce.errors import EmptyCart
from commerce.models import Cart, CartItem, Order, OrderStatus
from commerce.pruning import ANONYMOUS_CARTS_KEPT, CUSTOMERS_CARTS_KEPT
from config.due import shutting_down
from config.due.queue import database_now
from tests.shop import CUSTOMER, Shop, another_customer
from tests.stack.ports import HANG_S
from tests.threads import at_once

MINUTE = timedelta(minutes=1)
ENOUGH_S = 60.0


@pytest.fixture(autouse=True)
def _in_no_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """No statement is broken off because this machine stumbles: so few carts cannot be deleted in parts."""
    monkeypatch.setattr(pruning, "STATEMENT_LIMIT_MS", 20_000)


def age(cart: Cart, age: timedelta) -> Cart:
    """Nobody has touched it for so long."""
    Cart.objects.filter(pk=cart.pk).update(changed_at=database_now() - age)
    return cart


def is_there(cart: Cart) -> bool:
    """Has the cleanup left it alone?"""
    return Cart.objects.filter(pk=cart.pk).exists()


def clean_up() -> None:
    """To the end."""
    assert pruning.cleanup_old_carts(ENOUGH_S) is False


def payments_ended(order: Order, ago: timedelta) -> None:
    """Whatever became of them, it was so long ago."""
    Payment.objects.filter(reference=order.public_id).update(ended_at=database_now() - ago)


# --- old and young ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("is_customers", "kept"), [(False, ANONYMOUS_CARTS_KEPT), (True, CUSTOMERS_CARTS_KEPT)], ids=["guest", "customer"]
)
def test_a_cart_goes_when_nobody_has_come_back_for_so_long(shop: Shop, is_customers: bool, kept: timedelta) -> None:
    """A minute before that it stays; a customer's is kept longer than an anonymous one."""
    espresso = shop.product()
    old, young = age(shop.cart(espresso), kept + MINUTE), age(shop.cart(espresso), kept - MINUTE)
    if is_customers:
        for cart in (old, young):
            Cart.objects.filter(pk=cart.pk).update(customer=User.objects.create(username=str(cart.pk)))

    clean_up()

    assert (is_there(old), is_there(young)) == (False, True)
    assert [item.cart for item in CartItem.objects.all()] == [young]


def test_a_cart_that_is_used_becomes_young_again(shop: Shop) -> None:
    """Adding and changing count."""
    espresso = shop.product()
    added, changed = (age(shop.cart(espresso), 2 * ANONYMOUS_CARTS_KEPT) for _ in range(2))
    carts.add(added, espresso)
    carts.set_quantity(changed, espresso.pk, 3)

    clean_up()

    assert is_there(added)
    assert is_there(changed)


# --- money -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("action", "settled", "ended_ago", "stays"),
    [
        (None, False, None, True),  # the customer may be about to pay
        ("authorize", True, None, True),  # the money is held, not taken
        ("pay", False, ANONYMOUS_CARTS_KEPT - MINUTE, True),  # money that the shop has not noticed yet
        ("pay", True, ANONYMOUS_CARTS_KEPT - MINUTE, True),
        ("pay", True, ANONYMOUS_CARTS_KEPT + MINUTE, False),  # long since in the books
        ("decline", True, 2 * ANONYMOUS_CARTS_KEPT, True),  # the order still waits: another payment may come
        ("cancel", True, ANONYMOUS_CARTS_KEPT - MINUTE, False),  # no money and none to come
    ],
)
def test_a_cart_with_money_or_an_open_payment_behind_it_stays(
    shop: Shop, action: str | None, settled: bool, ended_ago: timedelta | None, stays: bool
) -> None:
    """However old it is."""
    cart = shop.cart()
    order, payment = orders.place(cart, CUSTOMER)
    payment = payments.introduce(payment)
    if action:
        shop.buyer(payment, action)
        shop.sweep_now(payment) if settled else shop.look(payment)
    if ended_ago:
        payments_ended(order, ended_ago)
    age(cart, 2 * ANONYMOUS_CARTS_KEPT)

    clean_up()

    assert is_there(cart) == stays
    assert shop.fresh(order).cart_id == (cart.pk if stays else None)


def test_a_cart_stays_until_a_person_has_sorted_out_its_order(shop: Shop) -> None:
    """A note says that something about the money is not clear."""
    cart = shop.cart()
    order, payment = orders.place(cart, CUSTOMER)
    shop.buyer(payments.introduce(payment), "cancel")
    shop.sweep_now(payment)
    Order.objects.update(attention_note="late money")
    age(cart, 2 * ANONYMOUS_CARTS_KEPT)
    clean_up()
    assert is_there(cart)

    Order.objects.update(attention_note="")
    clean_up()

    assert not is_there(cart)
    assert shop.fresh(order).status == OrderStatus.CANCELED


def test_a_late_payment_for_an_order_whose_cart_is_gone_pays_it_all_the_same(shop: Shop) -> None:
    """An order needs its cart for nothing."""
    cart = shop.cart()
    order, payment = orders.place(cart, CUSTOMER)
    payment = payments.introduce(payment)
    shop.buyer(payment, "cancel")
    shop.sweep_now(payment)
    age(cart, 2 * ANONYMOUS_CARTS_KEPT)
    clean_up()
    assert not is_there(cart)

    shop.sandbox.force(payment.provider_ref, "succeeded")
    shop.receive(payment)
    shop.sweep()

    assert shop.fresh(order).status == OrderStatus.PAID


# --- batches ---------------------------------------------------------------------------------------------------------


def test_many_batches_leave_nothing_out(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Old and young, and carts of the same moment, in batches smaller than any of these groups."""
    monkeypatch.setattr(pruning, "FIRST_BATCH", 3)
    monkeypatch.setattr(pruning, "LARGEST_BATCH", 7)
    espresso = shop.product()
    moment = database_now() - 2 * ANONYMOUS_CARTS_KEPT
    old = [shop.cart(espresso) for _ in range(40)]
    for number, cart in enumerate(old):
        Cart.objects.filter(pk=cart.pk).update(changed_at=moment + timedelta(seconds=number // 20))
    young = [shop.cart(espresso) for _ in range(10)]

    clean_up()

    assert set(Cart.objects.all()) == set(young)
    assert CartItem.objects.count() == 10


def test_a_run_that_is_cut_off_is_gone_on_with(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each call does something, says that there is more, and the next one finds what is left."""
    monkeypatch.setattr(pruning, "FIRST_BATCH", 2)
    monkeypatch.setattr(pruning, "LARGEST_BATCH", 2)
    espresso = shop.product()
    for _ in range(6):
        age(shop.cart(espresso), 2 * ANONYMOUS_CARTS_KEPT)

    left = []
    while pruning.cleanup_old_carts(0):
        left.append(Cart.objects.count())

    assert left == [4, 2, 0]


def test_a_process_that_is_told_to_stop_begins_no_other_batch(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was begun is finished, and it says that there is more to do."""
    monkeypatch.setattr(pruning, "FIRST_BATCH", 2)
    for _ in range(4):
        age(shop.cart(), 2 * ANONYMOUS_CARTS_KEPT)
    shutting_down.set()

    assert pruning.cleanup_old_carts(ENOUGH_S) is True

    assert Cart.objects.count() == 2


def test_two_cleanups_at_once_do_not_get_into_each_others_way(shop: Shop) -> None:
    """Neither fails, and nothing is left."""
    espresso = shop.product()
    for _ in range(30):
        age(shop.cart(espresso), 2 * ANONYMOUS_CARTS_KEPT)

    at_once(clean_up, clean_up, clean_up)

    assert not Cart.objects.exists()


def test_the_number_of_deleted_carts_is_logged(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    """For whoever wonders in the morning."""
    caplog.set_level("INFO", "commerce.pruning")
    for _ in range(3):
        age(shop.cart(), 2 * ANONYMOUS_CARTS_KEPT)

    clean_up()

    (told,) = [record for record in caplog.records if record.message == "carts.cleaned"]
    assert (told.deleted, told.finished) == (3, True)  # type: ignore[attr-defined]


def test_progress_is_logged_on_the_way(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Every few seconds; here after each batch."""
    monkeypatch.setattr(pruning, "LOG_EVERY_S", 0.0)
    monkeypatch.setattr(pruning, "FIRST_BATCH", 1)
    monkeypatch.setattr(pruning, "LARGEST_BATCH", 1)
    caplog.set_level("INFO", "commerce.pruning")
    for _ in range(3):
        age(shop.cart(), 2 * ANONYMOUS_CARTS_KEPT)

    clean_up()

    told = [record.deleted for record in caplog.records if record.message == "carts.cleaning"]  # type: ignore[attr-defined]
    assert told == [1, 2, 3]


def test_a_machine_that_stumbles_gets_smaller_batches(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A statement that takes too long is broken off, and its carts are deleted in parts."""
    monkeypatch.setattr(pruning, "STATEMENT_LIMIT_MS", 1_000)
    monkeypatch.setattr(pruning, "SMALLEST_BATCH", 1)
    espresso = shop.product()
    old = [age(shop.cart(espresso), 2 * ANONYMOUS_CARTS_KEPT) for _ in range(8)]
    sizes: list[int] = []

    def slow(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        """The database takes its time for more than two carts at once, as far as it can be told to."""
        if sql.startswith('DELETE FROM "commerce_cart" ') and connection.vendor == "postgresql":
            sizes.append(len(params))
            if len(params) > 2:
                execute("SELECT pg_sleep(20)", (), False, context)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(slow):
        clean_up()

    assert not Cart.objects.filter(pk__in=[cart.pk for cart in old]).exists()
    assert sizes == ([8, 4, 2, 2, 4, 2, 2] if connection.vendor == "postgresql" else [])


# --- at the same time ------------------------------------------------------------------------------------------------


def test_a_cart_that_somebody_is_filling_is_left_to_them(shop: Shop) -> None:
    """Found old, but in use by the time it is looked at again."""
    cart = age(shop.cart(), 2 * ANONYMOUS_CARTS_KEPT)
    espresso = cart.items.get().product
    old = pruning._old(Q(customer__isnull=True), database_now() - ANONYMOUS_CARTS_KEPT)
    found = pruning._next_keys(old, None, 10)
    assert [key for _, key in found] == [cart.pk]
    carts.add(cart, espresso)

    assert pruning._delete(old, [cart.pk]) == 0
    assert is_there(cart)


def test_a_cart_that_is_locked_is_passed_over(shop: Shop) -> None:
    """The cleanup waits for nobody; SQLite, which has no row locks, lets it in when the other one is done."""
    cart = age(shop.cart(), 2 * ANONYMOUS_CARTS_KEPT)
    locked, done = threading.Event(), threading.Event()

    at_once(_holding(cart, locked, done), _after(locked, clean_up, done))

    assert is_there(cart) == connection.features.has_select_for_update_skip_locked


def test_buying_while_the_cleanup_runs(shop: Shop) -> None:
    """Old carts are ordered from at the very moment of the cleanup: each is ordered, or gone; none is both."""
    espresso = shop.product(stock=100)
    old = [age(shop.cart(espresso), 2 * ANONYMOUS_CARTS_KEPT) for _ in range(6)]

    def buy(cart: Cart) -> str:
        try:
            return orders.place(cart, another_customer(cart.pk))[0].public_id
        except EmptyCart:
            return ""

    bought = at_once(lambda: [buy(cart) for cart in old], lambda: [str(pruning.cleanup_old_carts(ENOUGH_S))])[0]

    for cart, public_id in zip(old, bought, strict=True):
        assert is_there(cart) == bool(public_id)
        if public_id:
            assert Order.objects.get(public_id=public_id).cart == cart


def _holding(cart: Cart, locked: threading.Event, done: threading.Event) -> Callable[[], None]:
    def hold() -> None:
        with transaction.atomic():
            Cart.objects.select_for_update().get(pk=cart.pk)
            locked.set()
            # SQLite's cleanup waits until the lock is gone.
            done.wait(60 if connection.features.has_select_for_update_skip_locked else 1)

    return hold


def _after(start: threading.Event, work: Callable[[], None], done: threading.Event) -> Callable[[], None]:
    def wait_and_work() -> None:
        assert start.wait(HANG_S)
        work()
        done.set()

    return wait_and_work
