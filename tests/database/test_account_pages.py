"""Customers with an account: they log in, find their cart and their orders, and need none of it to buy."""

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from commerce.models import Cart, CartItem, Order, Product, Throttle
from tests.shop import Shop, another_customer

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite_is_enough]

FORM = {"email": "ann@example.com", "name": "Ann", "address": "1 Main Street"}
PASSWORD = "one long sentence"


@pytest.fixture
def ann() -> User:
    """A customer."""
    return User.objects.create_user("ann@example.com", "ann@example.com", PASSWORD, first_name="Ann")


@pytest.fixture
def espresso(shop: Shop) -> Product:
    """Something to buy."""
    return shop.product("espresso")


def log_in(client: Client, email: str = "ann@example.com", **more: str) -> str:
    """Through the page; returns where it leads to."""
    answer = client.post(reverse("login"), {"username": email, "password": PASSWORD, **more})
    return answer.headers.get("Location", "")


def content(customer: User) -> list[tuple[str, int]]:
    """What is in the customer's cart."""
    return list(CartItem.objects.filter(cart__customer=customer).values_list("product__slug", "quantity"))


# --- logging in ------------------------------------------------------------------------------------------------------


def test_a_customer_logs_in_and_out(client: Client, ann: User) -> None:
    """The header says who is there."""
    assert reverse("login") in client.get("/").content.decode()

    assert log_in(client) == reverse("account")
    assert ">Ann</a>" in client.get("/").content.decode()

    client.post(reverse("logout"))
    assert ">Ann</a>" not in client.get("/").content.decode()


@pytest.mark.parametrize("email", ["ann@example.com", "ANN@Example.com", " ann@example.com "])
def test_an_address_may_be_written_in_any_way(client: Client, ann: User, email: str) -> None:
    """Capital letters and blanks are no reason to be turned away."""
    assert log_in(client, email) == reverse("account")


@pytest.mark.parametrize(("email", "password"), [("ann@example.com", "wrong"), ("bob@example.com", PASSWORD), ("", "")])
def test_a_wrong_name_or_password_says_the_same(client: Client, ann: User, email: str, password: str) -> None:
    """Nobody is logged in, and nobody learns which of the two it was."""
    answer = client.post(reverse("login"), {"username": email, "password": password})

    assert answer.status_code == 200
    assert not answer.wsgi_request.user.is_authenticated


@pytest.mark.parametrize(
    ("wanted", "there"),
    [
        ("/cart/", "/cart/"),
        ("https://example.com/", "/account/"),
        ("//example.com", "/account/"),
        ("", "/account/"),
        ("/account/login/", "/account/"),
    ],
)
def test_after_logging_in_one_is_where_one_wanted_to_be(client: Client, ann: User, wanted: str, there: str) -> None:
    """Within this shop."""
    assert log_in(client, next=wanted) == there


def test_staff_log_in_at_the_admin_only(client: Client) -> None:
    """On the public page, their right password is a wrong one in every way: the words, the log and the count."""
    User.objects.create_user("sam", password=PASSWORD, is_staff=True)

    wrong = client.post(reverse("login"), {"username": "sam", "password": "wrong"})
    right = client.post(reverse("login"), {"username": "sam", "password": PASSWORD})

    assert right.status_code == wrong.status_code == 200
    assert right.context["form"].errors == wrong.context["form"].errors
    assert "_auth_user_id" not in client.session
    assert Throttle.objects.get().tries == 2
    assert client.post("/admin/login/", {"username": "sam", "password": PASSWORD}).status_code == 302
    assert not Throttle.objects.exists()


def test_customers_do_not_log_in_at_the_admin(client: Client, ann: User) -> None:
    """Their right password counts there as a wrong one."""
    answer = client.post("/admin/login/", {"username": "ann@example.com", "password": PASSWORD})

    assert (answer.status_code, "_auth_user_id" in client.session) == (200, False)
    assert Throttle.objects.get().tries == 1


@pytest.mark.parametrize("wanted", ["/account/login/", "/account/login/?next=/cart/", "/account/login/#", ""])
def test_a_customer_who_is_logged_in_is_not_sent_in_a_circle(client: Client, ann: User, wanted: str) -> None:
    """Django makes an error of a login page that leads to itself."""
    client.force_login(ann)

    assert client.get(reverse("login"), {"next": wanted}).url == "/account/"  # type: ignore[attr-defined]


def test_the_list_of_orders_is_for_those_who_are_logged_in(client: Client, ann: User) -> None:
    """A guest is asked who it is, and gets there afterwards."""
    answer = client.get(reverse("account"))

    assert answer["Location"] == "/account/login/?next=/account/"


# --- the cart --------------------------------------------------------------------------------------------------------


def test_the_cart_comes_along_at_the_login(client: Client, ann: User, espresso: Product, shop: Shop) -> None:
    """What was put aside as a guest is added to what was put aside before."""
    mug = shop.product("mug")
    other_browser = Client()
    log_in(other_browser)
    for product in (espresso, mug):
        other_browser.post(reverse("cart-add"), {"product": product.pk})
    client.post(reverse("cart-add"), {"product": espresso.pk})

    log_in(client)

    assert content(ann) == [("espresso", 2), ("mug", 1)]
    assert Cart.objects.count() == 1
    assert "cart" not in client.session


def test_a_customer_without_anything_in_the_cart_logs_in(client: Client, ann: User) -> None:
    """No cart is made for nothing."""
    log_in(client)

    assert client.get(reverse("cart")).status_code == 200
    assert not Cart.objects.exists()


def test_the_cart_is_there_in_every_browser_and_stays_after_logging_out(
    client: Client, ann: User, espresso: Product
) -> None:
    """Whoever uses the browser next sees nothing of it."""
    log_in(client)
    client.post(reverse("cart-add"), {"product": espresso.pk})
    client.post(reverse("logout"))

    assert "Your cart is empty" in client.get(reverse("cart")).content.decode()
    elsewhere = Client()
    log_in(elsewhere)
    assert "Espresso" in elsewhere.get(reverse("cart")).content.decode()


def test_a_guests_session_does_not_reach_a_customers_cart(client: Client, ann: User, espresso: Product) -> None:
    """Even if it names it."""
    log_in(client)
    client.post(reverse("cart-add"), {"product": espresso.pk})
    guest = Client()
    session = guest.session
    session["cart"] = Cart.objects.get(customer=ann).pk
    session.save()

    assert "Your cart is empty" in guest.get(reverse("cart")).content.decode()


# --- orders ----------------------------------------------------------------------------------------------------------


def test_an_order_of_a_customer_is_found_again(client: Client, ann: User, espresso: Product) -> None:
    """The form knows the customer, and the list has the order."""
    log_in(client)
    client.post(reverse("cart-add"), {"product": espresso.pk})
    assert 'value="ann@example.com"' in client.get(reverse("checkout")).content.decode()

    client.post(reverse("checkout"), FORM)

    order = Order.objects.get()
    assert order.customer == ann
    page = client.get(reverse("account")).content.decode()
    assert reverse("order", args=[order.public_id]) in page
    assert "awaiting payment" in page


def test_a_guest_orders_as_ever(client: Client, ann: User, espresso: Product) -> None:
    """Without an account; and an address that has one does not make it that customer's order."""
    client.post(reverse("cart-add"), {"product": espresso.pk})
    client.post(reverse("checkout"), FORM)

    assert Order.objects.get().customer is None
    log_in(client)
    assert "You have not ordered anything yet" in client.get(reverse("account")).content.decode()


def test_nobody_sees_the_orders_of_others(client: Client, ann: User, espresso: Product) -> None:
    """The list is the customer's own."""
    bob = Client()
    User.objects.create_user("bob@example.com", "bob@example.com", PASSWORD)
    log_in(bob, "bob@example.com")
    bob.post(reverse("cart-add"), {"product": espresso.pk})
    bob.post(reverse("checkout"), FORM)

    log_in(client)

    assert Order.objects.get().public_id not in client.get(reverse("account")).content.decode()


def test_a_long_list_has_pages(shop: Shop, client: Client, ann: User) -> None:
    """The number of queries does not grow with it, and a page that is not there is the nearest one that is."""
    beans = shop.product("beans", stock=25)
    for number in range(25):
        shop.order(beans, by=another_customer(number))
    Order.objects.update(customer=ann)
    log_in(client)

    for page in ("", "1", "2", "99", "0", "-1", "one", "9" * 30):
        with CaptureQueriesContext(connection) as queries:
            answer = client.get(reverse("account"), {"page": page})

        assert answer.status_code == 200, page
        assert len(queries) <= 8, page
        assert answer.content.decode().count('class="order-row"') in (20, 5), page


@pytest.mark.parametrize("name", ["login", "change-password"])
@pytest.mark.parametrize("language", ["en", "ru"])
def test_the_pages_are_there_in_both_languages(client: Client, ann: User, name: str, language: str) -> None:
    """With a way to the other one."""
    if name != "login":
        log_in(client)
    page = client.get(reverse(name), headers={"accept-language": language})

    assert page["Content-Language"] == language
    assert ("Пароль" in page.content.decode()) == (language == "ru")


@pytest.mark.parametrize("name", ["login", "logout", "sign-up", "forgot-password", "change-password", "end-sessions"])
def test_a_form_from_elsewhere_is_refused(ann: User, name: str) -> None:
    """Nobody is logged in, or out, by a page of somebody else."""
    client = Client(enforce_csrf_checks=True)
    client.force_login(ann)
    assert client.post(reverse(name), {"email": "ann@example.com"}).status_code == 403
