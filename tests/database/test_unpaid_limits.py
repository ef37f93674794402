"""Goods that are held free of charge: what unpaid orders of one customer, and from one network, may hold."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from pytest_django.fixtures import Settings

from billing.models import Payment
from billing.states import Status
from commerce import carts, orders
from commerce.errors import TooManyUnpaid
from commerce.models import Order, OrderStatus, Product
from config.due.queue import database_now
from tests.shop import CUSTOMER, Shop
from tests.stock import stock_adds_up
from tests.threads import at_once

HERE, ELSEWHERE = "93.184.216.34", "151.101.1.69"
"""Addresses of the public Internet; those for documents belong to no network that is limited."""


def form(email: str) -> dict[str, str]:
    """The checkout's form, filled in."""
    return {"email": email, "name": "Ann", "address": "1 Main Street"}


def visitor(address: str = "127.0.0.1") -> Client:
    """A new browser."""
    return Client(REMOTE_ADDR=address)


def order(client: Client, product: Product, quantity: int = 1, email: str = "ann@example.com") -> int:
    """Fill the cart and click; the status: 302 if it was ordered, 409 if not."""
    client.post(reverse("cart-add"), {"product": product.pk, "quantity": quantity})
    return client.post(reverse("checkout"), form(email)).status_code


def buying(client: Client, product: Product, quantity: int, email: str) -> Callable[[], int]:
    """The click alone: the cart is full already."""
    client.post(reverse("cart-add"), {"product": product.pk, "quantity": quantity})
    return lambda: client.post(reverse("checkout"), form(email)).status_code


def unpaid() -> int:
    """Orders that hold goods for no money."""
    return Order.objects.filter(status=OrderStatus.AWAITING_PAYMENT).count()


# --- strangers -------------------------------------------------------------------------------------------------------


def test_one_browser_cannot_empty_the_shop(shop: Shop) -> None:
    """Six orders held all 1,174 pieces for an hour; now more than half of each product stays for others."""
    products = [shop.product(f"coffee-{number}", stock=98) for number in range(4)]
    robot = visitor()
    for number in range(6):
        for product in products:
            robot.post(reverse("cart-add"), {"product": product.pk, "quantity": 49})
        robot.post(reverse("checkout"), form(f"robot{number}@example.com"))

    assert all(shop.fresh(product).stock >= 49 for product in products)
    assert order(visitor(), products[0], 20) == 302


def test_one_network_cannot_empty_the_shop(shop: Shop) -> None:
    """New cookies and new mail addresses do not help; other networks buy what is left."""
    product = shop.product(stock=98)
    statuses = [order(visitor(HERE), product, 20, f"robot{number}@example.com") for number in range(6)]

    assert statuses == [302, 302, 409, 409, 409, 409]
    assert order(visitor(ELSEWHERE), product, 20, "bob@example.com") == 302


@pytest.mark.parametrize(
    ("first", "second", "is_one"),
    [
        ("2606:2800:220:1::7", "2606:2800:220:1:ffff::9", True),
        ("2606:2800:220:1::7", "2606:2800:220:2::7", False),
        ("::ffff:93.184.216.34", HERE, True),
        (HERE, ELSEWHERE, False),
        ("192.168.1.7", "192.168.1.7", False),
        ("127.0.0.1", "127.0.0.1", False),
        ("", "", False),
    ],
)
def test_a_network_is_what_one_customer_of_a_provider_has(
    shop: Shop, settings: Settings, first: str, second: str, is_one: bool
) -> None:
    """An IPv6 customer has a whole /64. Behind a proxy that is not named, all have its private address: no limit."""
    settings.UNPAID_ORDERS_PER_NETWORK = 1
    product = shop.product(stock=100)
    assert order(visitor(first), product, email="a@example.com") == 302
    assert order(visitor(second), product, email="b@example.com") == (409 if is_one else 302)


def test_no_address_is_written_and_the_key_goes_with_the_end(shop: Shop) -> None:
    """The row keeps a keyed hash while the order is unpaid."""
    product = shop.product()
    order(visitor(HERE), product)
    placed = Order.objects.get()
    assert len(placed.network) == 32
    assert HERE not in placed.network

    orders.cancel(placed.public_id)
    shop.sweep()

    assert shop.fresh(placed).status == OrderStatus.CANCELED
    assert shop.fresh(placed).network == ""


@pytest.mark.parametrize("what_they_share", ["network", "mail", "browser"])
def test_clicks_at_the_same_moment_do_not_pass_a_limit(shop: Shop, settings: Settings, what_they_share: str) -> None:
    """Twenty at once, each of another product, so that no lock of a product makes them wait."""
    settings.UNPAID_ORDERS_PER_CUSTOMER = settings.UNPAID_ORDERS_PER_NETWORK = 3
    clicks, robot = [], visitor()
    for number in range(20):
        address = HERE if what_they_share == "network" else "127.0.0.1"
        mail = "Robot@example.com" if what_they_share == "mail" else f"robot{number}@example.com"
        client = robot if what_they_share == "browser" else visitor(address)
        clicks.append(buying(client, shop.product(f"coffee-{number}"), 1, mail))

    statuses = at_once(*clicks)

    assert unpaid() == (1 if what_they_share == "browser" else 3)
    assert set(statuses) <= {302, 409}


def test_a_product_is_not_held_beyond_its_share_by_clicks_at_the_same_moment(shop: Shop) -> None:
    """33 requests from one network for the same product."""
    product = shop.product(stock=100)

    at_once(*(buying(visitor(HERE), product, 10, f"robot{number}@example.com") for number in range(33)))

    assert shop.fresh(product).stock == 50
    assert stock_adds_up(product, 100)


# --- honest customers ------------------------------------------------------------------------------------------------


def test_the_last_piece_is_sold(shop: Shop) -> None:
    """A share of a small stock would be nothing."""
    assert order(visitor(HERE), shop.product("mug", stock=1)) == 302
    assert order(visitor(HERE), shop.product("cup", stock=5), 5, "bob@example.com") == 302


def test_a_refused_customer_is_told_what_can_be_ordered(shop: Shop) -> None:
    """In both languages, and the next try succeeds."""
    product, customer = shop.product(stock=40), visitor()
    customer.post(reverse("cart-add"), {"product": product.pk, "quantity": 30})
    said = customer.post(reverse("checkout"), form("ann@example.com"))
    said_in_russian = customer.post(reverse("checkout"), form("ann@example.com"), headers={"accept-language": "ru"})
    customer.post(reverse("cart-change"), {"product": product.pk, "quantity": 20})

    assert "At most 20 of “Espresso” can be ordered before they are paid." in said.content.decode()
    assert "Не больше 20" in said_in_russian.content.decode()
    assert customer.post(reverse("checkout"), form("ann@example.com")).status_code == 302


def test_a_customer_beyond_the_limit_is_led_to_their_orders(shop: Shop, settings: Settings) -> None:
    """Who cancels one of them may order again at once, before the provider has confirmed it."""
    settings.UNPAID_ORDERS_PER_CUSTOMER = 2
    product, customer = shop.product(), visitor()
    assert [order(customer, product) for _ in range(3)] == [302, 302, 409]

    page = customer.post(reverse("checkout"), form("ann@example.com")).content.decode()
    assert "You have 2 orders that wait for payment. Please pay or cancel one of them first." in page
    assert all(reverse("order", args=[each.public_id]) in page for each in Order.objects.all())

    customer.post(reverse("order-cancel", args=[Order.objects.first().public_id]))  # type: ignore[union-attr]
    assert customer.post(reverse("checkout"), form("ann@example.com")).status_code == 302


def test_a_stranger_learns_nothing_about_the_orders_of_others(shop: Shop, settings: Settings) -> None:
    """Neither how many there are, nor where they are; the owner of an account is not kept out by its mail address."""
    settings.UNPAID_ORDERS_PER_CUSTOMER = 2
    product = shop.product()
    known = [order(visitor(), product, email="ann@example.com") for _ in range(2)]

    stranger = visitor()
    assert (known, order(stranger, product, email="Ann@Example.com")) == ([302, 302], 409)
    page = stranger.post(reverse("checkout"), form("ANN@example.com")).content.decode()
    assert "too many orders wait for payment" in page
    assert not any(each.public_id in page or each.number in page for each in Order.objects.all())

    owner = visitor()
    owner.force_login(User.objects.create_user("ann@example.com", "ann@example.com"))
    assert order(owner, product, email="ann@example.com") == 302


def test_an_account_has_one_limit_in_all_its_browsers(shop: Shop, settings: Settings) -> None:
    """A new session of the same customer is the same customer."""
    settings.UNPAID_ORDERS_PER_CUSTOMER = 2
    ann, product, statuses = User.objects.create_user("ann"), shop.product(), []
    for number in range(3):
        browser = visitor()
        browser.force_login(ann)
        statuses.append(order(browser, product, email=f"ann{number}@example.com"))
    assert statuses == [302, 302, 409]


def test_a_failed_payment_is_no_reason_to_refuse_a_new_order(shop: Shop) -> None:
    """The goods of the failed one do not count for the customer's share, nor does paying again."""
    product, customer = shop.product(stock=40), visitor()
    assert order(customer, product, 18) == 302
    payment = Payment.objects.get()
    shop.buyer(payment, "decline")
    shop.sweep_now(payment)
    assert shop.fresh(payment).status == Status.FAILED

    again = customer.post(reverse("order-pay", args=[payment.reference]))
    assert again["Location"] == Payment.objects.first().pay_url  # type: ignore[union-attr]
    shop.buyer(second := Payment.objects.exclude(pk=payment.pk).get(), "decline")
    shop.sweep_now(second)
    assert order(customer, product, 11) == 302


@pytest.mark.parametrize("how", ["paid", "with the bank", "expired", "time is over"])
def test_only_what_waits_for_the_customer_counts(shop: Shop, settings: Settings, how: str) -> None:
    """Paid orders never count, also while the bank works on the payment; nor does one whose time to pay is over."""
    settings.UNPAID_ORDERS_PER_CUSTOMER = 1
    product, customer = shop.product(), visitor()
    assert order(customer, product) == 302
    payment = Payment.objects.get()
    if how == "paid":
        shop.buyer(payment, "pay")
        shop.sweep_now(payment)
    elif how == "with the bank":
        Payment.objects.update(working_since=database_now())
    else:
        shop.let_time_pass(3_700)
        if how == "expired":
            shop.sweep()
    assert order(customer, product) == 302


def test_a_family_behind_one_address_orders_side_by_side(shop: Shop) -> None:
    """The limit of a network is ten times that of a customer."""
    product = shop.product(stock=500)
    assert {order(visitor(HERE), product, 2, f"child{number}@example.com") for number in range(12)} == {302}


def test_the_back_button_leads_to_the_order_and_does_not_count_twice(shop: Shop, settings: Settings) -> None:
    """The form is posted again, with an empty cart."""
    settings.UNPAID_ORDERS_PER_CUSTOMER = 1
    customer = visitor()
    order(customer, shop.product())
    again = customer.post(reverse("checkout"), form("ann@example.com"))
    assert again["Location"] == reverse("order", args=[Order.objects.get().public_id])


def test_a_refusal_changes_nothing(shop: Shop, settings: Settings) -> None:
    """The cart and the stock stay; no payment is begun."""
    settings.UNPAID_ORDERS_PER_NETWORK = 1
    product = shop.product()
    order(visitor(HERE), product)
    cart = shop.cart(product)
    with pytest.raises(TooManyUnpaid):
        orders.place(cart, replace(CUSTOMER, email="bob@example.com", network=Order.objects.get().network))
    assert (Order.objects.count(), Payment.objects.count(), shop.fresh(product).stock) == (1, 1, 9)
    assert [item.quantity for item in carts.items(cart)] == [1]
