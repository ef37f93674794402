"""Carts: filled by one visitor, merged at the login, honest about what is left."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError

from commerce import carts, orders
from commerce.errors import EmptyCart, NotSold
from commerce.models import Cart, CartItem, Obstacle, Product
from tests.shop import CUSTOMER, Shop
from tests.threads import at_once


@pytest.fixture
def ann() -> User:
    """A customer with an account; nobody logs in here, so there is no password."""
    return User.objects.create(username="ann@example.com", email="ann@example.com", first_name="Ann")


def content(cart: Cart) -> dict[str, int]:
    """Slugs and quantities."""
    return dict(cart.items.values_list("product__slug", "quantity"))


def carts_of(customer: User) -> list[dict[str, int]]:
    """What each of the customer's carts holds."""
    return [content(cart) for cart in Cart.objects.filter(customer=customer)]


# --- filled ----------------------------------------------------------------------------------------------------------


def test_more_of_the_same_adds_up_to_the_maximum(shop: Shop) -> None:
    """Ninety-nine of one product, however often somebody clicks."""
    espresso = shop.product()
    cart = shop.cart(espresso, quantity=98)

    for _ in range(3):
        carts.add(cart, espresso)

    assert content(cart) == {"espresso": 99}


def test_clicks_at_once_are_all_counted(shop: Shop) -> None:
    """The cart is locked before it is written to."""
    espresso = shop.product()
    cart = Cart.objects.create()

    at_once(*[lambda: carts.add(cart, espresso)] * 6)

    assert content(cart) == {"espresso": 6}


@pytest.mark.parametrize("change", ["add", "set_quantity"])
def test_a_cart_that_was_tidied_away_says_so(shop: Shop, change: str) -> None:
    """In place of an error of the database; nothing is left behind."""
    espresso = shop.product()
    cart = shop.cart(espresso)
    Cart.objects.all().delete()

    with pytest.raises(carts.CartGone):
        carts.add(cart, espresso) if change == "add" else carts.set_quantity(cart, espresso.pk, 2)

    assert not CartItem.objects.exists()


def test_a_cart_that_was_tidied_away_cannot_be_ordered(shop: Shop) -> None:
    """It is an empty one."""
    cart = shop.cart()
    Cart.objects.all().delete()

    with pytest.raises(EmptyCart):
        orders.place(cart, CUSTOMER)


# --- honest ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("facts", "obstacle"),
    [
        ({"stock": 3}, Obstacle.NONE),
        ({"stock": 2}, Obstacle.TOO_FEW),
        ({"stock": 0}, Obstacle.SOLD_OUT),
        ({"stock": 3, "active": False}, Obstacle.NOT_SOLD),
        ({"stock": 0, "active": False}, Obstacle.NOT_SOLD),
    ],
)
def test_a_line_says_what_is_in_the_way(shop: Shop, facts: dict[str, int], obstacle: Obstacle) -> None:
    """By the stock of now, not of the moment when it was put aside; the other line is fine."""
    espresso, mug = shop.product("espresso"), shop.product("mug")
    cart = shop.cart(espresso, mug, quantity=3)
    Product.objects.filter(pk=espresso.pk).update(**facts)

    lines = carts.items(cart)

    assert [line.obstacle for line in lines] == [obstacle, Obstacle.NONE]
    assert carts.can_be_ordered(lines) == (obstacle == Obstacle.NONE)


def test_what_is_not_sold_any_more_is_refused_as_that(shop: Shop) -> None:
    """There may be some left, so "sold out" would not be true."""
    cart = shop.cart()
    Product.objects.update(active=False)

    with pytest.raises(NotSold, match="“Espresso” is no longer sold"):
        orders.place(cart, CUSTOMER)


# --- merged ----------------------------------------------------------------------------------------------------------


def test_quantities_add_up_at_the_login(shop: Shop, ann: User) -> None:
    """What is in both carts is added, what is in one of them stays, and the anonymous cart is gone."""
    espresso, mug, tea = (shop.product(slug) for slug in ("espresso", "mug", "tea"))
    own, visitors = shop.cart(espresso, mug, quantity=2), shop.cart(espresso, tea, quantity=3)
    Cart.objects.filter(pk=own.pk).update(customer=ann)

    carts.merge(visitors.pk, ann)

    assert content(own) == {"espresso": 5, "mug": 2, "tea": 3}
    assert list(Cart.objects.all()) == [own]


def test_together_they_are_no_more_than_the_maximum(shop: Shop, ann: User) -> None:
    """Ninety-nine, as for everybody."""
    espresso = shop.product()
    own, visitors = shop.cart(espresso, quantity=60), shop.cart(espresso, quantity=60)
    Cart.objects.filter(pk=own.pk).update(customer=ann)

    carts.merge(visitors.pk, ann)

    assert content(own) == {"espresso": 99}


def test_a_customer_without_a_cart_takes_the_visitors(shop: Shop, ann: User) -> None:
    """The same row, so nothing that knows it is lost."""
    visitors = shop.cart()

    carts.merge(visitors.pk, ann)

    assert shop.fresh(visitors).customer_id == ann.pk
    assert carts_of(ann) == [{"espresso": 1}]


@pytest.mark.parametrize("number", [None, 0, 999_999])
def test_a_visitor_without_a_cart_brings_nothing(shop: Shop, ann: User, number: int | None) -> None:
    """And the customer's own cart is as it was; without one, none is made."""
    carts.merge(number, ann)
    assert not Cart.objects.exists()

    own = shop.cart()
    Cart.objects.filter(pk=own.pk).update(customer=ann)
    carts.merge(number, ann)
    assert carts_of(ann) == [{"espresso": 1}]


def test_nobody_brings_the_cart_of_somebody_else(shop: Shop, ann: User) -> None:
    """A session may name it; it belongs to its customer all the same."""
    bob = User.objects.create(username="bob")
    bobs = shop.cart()
    Cart.objects.filter(pk=bobs.pk).update(customer=bob)

    carts.merge(bobs.pk, ann)

    assert (carts_of(bob), carts_of(ann)) == ([{"espresso": 1}], [])


def test_an_order_knows_the_cart_it_is_in_now(shop: Shop, ann: User) -> None:
    """Money behind the anonymous cart is money behind the one it became part of."""
    own, visitors = shop.cart(), shop.cart()
    Cart.objects.filter(pk=own.pk).update(customer=ann)
    order, _ = orders.place(visitors, CUSTOMER)
    assert order.cart == visitors

    carts.merge(visitors.pk, ann)

    assert shop.fresh(order).cart == own


def test_two_logins_at_once_lose_nothing(shop: Shop, ann: User) -> None:
    """Two browsers, two carts, one customer without any: one cart comes of it, with everything in it."""
    espresso, mug = shop.product("espresso"), shop.product("mug")
    brought = [shop.cart(espresso, quantity=2), shop.cart(espresso, mug)]

    at_once(*(_merging(cart, ann) for cart in brought))

    assert carts_of(ann) == [{"espresso": 3, "mug": 1}]
    assert Cart.objects.count() == 1


def test_one_login_twice_counts_once(shop: Shop, ann: User) -> None:
    """A repeated request finds the anonymous cart gone."""
    own, visitors = shop.cart(), shop.cart()
    Cart.objects.filter(pk=own.pk).update(customer=ann)

    at_once(_merging(visitors, ann), _merging(visitors, ann))

    assert carts_of(ann) == [{"espresso": 2}]


def test_the_database_allows_one_cart_per_customer(shop: Shop, ann: User) -> None:
    """And any number of anonymous ones."""
    for _ in range(2):
        Cart.objects.create()
    Cart.objects.create(customer=ann)

    with pytest.raises(IntegrityError):
        Cart.objects.create(customer=ann)


def _merging(cart: Cart, customer: User) -> Callable[[], None]:
    return lambda: carts.merge(cart.pk, customer)
