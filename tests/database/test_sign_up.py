"""A new account: the link in a mail makes it, and no page says who is a customer."""

import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from commerce.accounts import mails
from commerce.mail import sending
from commerce.models import Cart, CartItem, Notification, Order, Product
from config.due.queue import database_now
from tests.mailing import mail_server
from tests.shop import Shop
from tests.threads import at_once

PASSWORD = "one long sentence"
ADDRESS = "ann@example.com"
NEW = {"first_name": "Ann", "password1": PASSWORD, "password2": PASSWORD}


@pytest.fixture
def ann() -> User:
    """A customer."""
    return User.objects.create_user(ADDRESS, ADDRESS, PASSWORD, first_name="Ann")


@pytest.fixture
def espresso(shop: Shop) -> Product:
    """Something to buy."""
    return shop.product("espresso")


def ask(client: Client, email: str = ADDRESS, page: str = "sign-up", **more: str) -> tuple[int, str]:
    """The answer of the page."""
    answer = client.post(reverse(page), {"email": email, **more}, follow=True)
    return answer.status_code, re.sub(r"(csrfmiddlewaretoken|nonce)\S* \S+", "", answer.content.decode())


def link() -> str:
    """The newest one that was mailed, without the host."""
    text = Notification.objects.filter(kind="account_link").order_by("-pk")[0].text
    found = re.search(r"https?://[^/\s]+(/account/\S+)", text)
    assert found, text
    return found[1]


@pytest.mark.sqlite_is_enough
def test_a_visitor_becomes_a_customer(client: Client, espresso: Product) -> None:
    """Logged in by the link, with everything that was in the cart."""
    client.post(reverse("cart-add"), {"product": espresso.pk})

    ask(client, " Ann@Example.com ")
    assert not User.objects.exists()
    answer = client.post(link(), NEW)

    assert answer["Location"] == reverse("account")
    ann = User.objects.get()
    assert (ann.username, ann.email, ann.first_name) == (ADDRESS, ADDRESS, "Ann")
    assert (ann.is_staff, ann.is_superuser) == (False, False)
    assert list(CartItem.objects.values_list("cart__customer__username", "product__slug")) == [(ADDRESS, "espresso")]
    assert Cart.objects.count() == 1
    assert ">Ann</a>" in client.get("/").content.decode()


@pytest.mark.sqlite_is_enough
@pytest.mark.parametrize("page", ["sign-up", "forgot-password"])
def test_no_page_says_who_is_a_customer(ann: User, page: str) -> None:
    """The same answer and as many mails for a known and for a new address; only the mails differ."""
    User.objects.create_user("sam@example.com", "sam@example.com", PASSWORD, is_staff=True)
    addresses = [ADDRESS, "new@example.com", "sam@example.com"]

    answers = {ask(Client(), address, page) for address in addresses}

    assert len(answers) == 1
    assert answers.pop()[0] == 200
    texts = dict(Notification.objects.values_list("recipient", "text"))
    assert set(texts) == set(addresses)
    assert "You have an account" in texts[ADDRESS]
    assert "There is no account" in texts["new@example.com"]
    assert "/account/" not in texts["sam@example.com"]


@pytest.mark.sqlite_is_enough
def test_a_link_works_once_and_for_a_day(client: Client) -> None:
    """The account exists after it; another mail begins again."""
    ask(client)
    client.post(link(), NEW)
    again = Client().post(link(), {**NEW, "first_name": "Eve"}, follow=True)
    assert "This account exists already" in again.content.decode()
    assert User.objects.get().first_name == "Ann"

    ask(client, "bob@example.com")
    Notification.objects.update(queued_at=database_now() - timedelta(hours=mails.SIGN_UP_HOURS))
    assert Client().get(link()).status_code == 410
    assert Client().post(link(), NEW).status_code == 410
    assert Client().get("/account/new/nothing/").status_code == 410


@pytest.mark.sqlite_is_enough
def test_only_the_link_says_whose_account_it_is(client: Client) -> None:
    """Fields that the page does not have are not read."""
    ask(client)
    more = {"email": "eve@example.com", "username": "operator", "is_staff": "on", "is_superuser": "on"}
    client.post(link(), {**NEW, **more})

    ann = User.objects.get()
    assert (ann.username, ann.email, ann.is_staff, ann.is_superuser) == (ADDRESS, ADDRESS, False, False)


@pytest.mark.sqlite_is_enough
def test_a_guests_order_does_not_join_the_account(client: Client, shop: Shop, espresso: Product) -> None:
    """A person who typed the address in an order need not have owned it."""
    shop.order(espresso)
    assert Order.objects.get().email == ADDRESS

    ask(client)
    client.post(link(), NEW)

    assert Order.objects.get().customer is None
    assert "You have not ordered anything yet" in client.get(reverse("account")).content.decode()


@pytest.mark.sqlite_is_enough
@pytest.mark.parametrize(
    ("wanted", "there"), [("/cart/", "/cart/"), ("https://example.com/", "/account/"), ("//example.com", "/account/")]
)
def test_the_link_leads_to_where_one_wanted_to_be(client: Client, wanted: str, there: str) -> None:
    """Within this shop."""
    ask(client, next=wanted)
    path, _, query = link().partition("?")

    assert client.post(f"{path}?{query}", NEW)["Location"] == there


@pytest.mark.sqlite_is_enough
@pytest.mark.parametrize("email", ["ann", "", "a" * 150 + "@example.com"])
def test_an_address_that_makes_no_sense_gets_no_mail(client: Client, email: str) -> None:
    """The page says what is wrong."""
    assert "errorlist" in ask(client, email)[1]
    assert not Notification.objects.exists()


@pytest.mark.sqlite_is_enough
@pytest.mark.parametrize(
    "wrong",
    [
        {"first_name": ""},
        {"first_name": "A" * 101},
        {"password1": "short", "password2": "short"},
        {"password1": "password1", "password2": "password1"},
        {"password1": ADDRESS, "password2": ADDRESS},
        {"password1": "TillCoffee2026!", "password2": "TillCoffee2026!"},
        {"password1": "tillkeeper123", "password2": "tillkeeper123"},
        {"password2": "another sentence"},
    ],
    ids=lambda wrong: repr(wrong)[:40],
)
def test_a_form_that_makes_no_sense_makes_no_account(client: Client, wrong: dict[str, str]) -> None:
    """The page says what is wrong."""
    ask(client)
    answer = client.post(link(), {**NEW, **wrong})

    assert answer.status_code == 200
    assert "errorlist" in answer.content.decode()
    assert not User.objects.exists()


@pytest.mark.sqlite_is_enough
def test_a_long_password_counts_with_all_its_characters(client: Client) -> None:
    """Nothing after some character is cut off."""
    long = "one long sentence " * 20
    ask(client)
    client.post(link(), {**NEW, "password1": long, "password2": long})

    ann = User.objects.get()
    assert ann.check_password(long)
    assert not ann.check_password(long[:-1])
    assert not ann.check_password(long[:128])


@pytest.mark.sqlite_is_enough
def test_the_admin_does_not_show_the_link(boss: Client, ann: User) -> None:
    """A person who may read mails must not be able to log in as a customer."""
    ask(Client())
    mail = Notification.objects.get()

    lists = boss.get(reverse("admin:commerce_notification_changelist")).content.decode()
    page = boss.get(reverse("admin:commerce_notification_change", args=[mail.pk])).content.decode()

    assert ADDRESS in lists
    assert ADDRESS in page
    assert link() not in page


def test_eight_at_once_ask_for_one_address() -> None:
    """Some get "please wait"; none gets an error, and the mailbox is not filled."""
    answers = at_once(*[lambda: ask(Client())[0] for _ in range(8)])

    assert set(answers) == {200, 429}
    assert Notification.objects.count() == answers.count(200) == 3


def test_eight_at_once_use_one_link(client: Client) -> None:
    """One account, and no error."""
    ask(client)
    address = link()
    answers = at_once(*[lambda: Client().post(address, NEW).status_code for _ in range(8)])

    assert set(answers) == {302}
    assert User.objects.count() == 1


@pytest.mark.sqlite_is_enough
@pytest.mark.parametrize("language", ["en", "ru"])
def test_the_mail_is_sent_in_the_language_of_the_page(settings: Settings, language: str) -> None:
    """By the queue of all mails."""
    client = Client(headers={"accept-language": language})
    with mail_server(settings) as server:
        ask(client)
        sending.send_due(10)
        [mail] = server.messages
    assert mail.recipients == (ADDRESS,)
    assert Notification.objects.get().status == "sent"
    assert ("Здравствуйте!" in Notification.objects.get().text) == (language == "ru")
