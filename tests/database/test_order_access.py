"""The id of an order shows its state to anyone; the customer's data need a second fact."""

import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from pytest_django.fixtures import Settings

from commerce.mail import order_link
from commerce.models import Notification, Order, Seller
from commerce.order_state import State
from tests.database.test_pages import leads_to
from tests.shop import Shop, with_mail

pytestmark = pytest.mark.sqlite_is_enough

SECRETS = ("Ann", "ann@example.com", "Main Street", "Espresso")
LANGUAGES = ("en", "ru")
ELSEWHERE = {"en": "open the link in our mail", "ru": "откройте ссылку из нашего письма"}
HOLDERS = ("browser", "customer", "mail")
"""What makes a visitor the order's customer."""


def shown_to(visitor: Client, order: Order, page: str = "order", language: str = "en") -> str:
    """A page of the order, whatever its status, without the form's token: random letters may spell a name."""
    answer = visitor.get(reverse(page, args=[order.public_id]), headers={"accept-language": language})
    return re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", answer.content.decode())


def path_of(address: str) -> str:
    """Of the link in a mail, without the host."""
    return urlsplit(address).path


def in_session(client: Client, order: Order) -> None:
    """As the checkout leaves it."""
    session = client.session
    session["orders"] = [order.public_id]
    session.save()


def holder(kind: str, order: Order) -> Client:
    """A browser with one of the facts."""
    client = Client()
    if kind == "browser":
        in_session(client, order)
    elif kind == "customer":
        order.customer = User.objects.create_user("ann")
        order.save(update_fields=["customer"])
        client.force_login(order.customer)
    else:
        with_mail(client, order)
    return client


STAGES: dict[str, Callable[[Shop], Order]] = {
    "unpaid": lambda shop: shop.order()[0],
    "paid": lambda shop: shop.paid()[0],
    "canceled": lambda shop: ended(shop, "cancel"),
    "declined": lambda shop: ended(shop, "decline"),
    "authorized": lambda shop: ended(shop, "authorize"),
}


def ended(shop: Shop, action: str) -> Order:
    """An order whose buyer has done this."""
    order, payment = shop.order()
    shop.buyer(payment, action)
    shop.sweep_now(payment)
    return shop.fresh(order)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("stage", STAGES)
def test_a_stranger_with_the_link_sees_the_state_and_the_amount_and_nobody(
    shop: Shop, stage: str, language: str
) -> None:
    """On every page and in every block of it, hidden or not, in both languages."""
    order = STAGES[stage](shop)
    for page in ("order", "order-receipt", "order-state"):
        told = shown_to(Client(), order, page, language)
        assert [secret for secret in SECRETS if secret in told] == [], page
    told = shown_to(Client(), order, "order", language)
    assert order.number in told
    assert {"en": "€4.50", "ru": "4,50\xa0€"}[language] in told
    assert ELSEWHERE[language] in told
    assert reverse("order-pay", args=[order.public_id]) in told
    for page in ("order-cancel", "order-again", "order-receipt"):
        assert reverse(page, args=[order.public_id]) not in told


@pytest.mark.parametrize("kind", HOLDERS)
@pytest.mark.parametrize("stage", STAGES)
def test_each_second_fact_shows_all(shop: Shop, stage: str, kind: str) -> None:
    """This browser, the account, the link in the mail."""
    order = STAGES[stage](shop)
    told = shown_to(holder(kind, order), order)
    assert [secret for secret in SECRETS if secret not in told] == []
    assert ELSEWHERE["en"] not in told


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("page", ["order-cancel", "order-again", "order-receipt"])
def test_a_stranger_is_told_how_to_prove_it(shop: Shop, page: str, language: str) -> None:
    """403 in the shop's clothes, and nothing is done."""
    order = STAGES["paid" if page == "order-receipt" else "unpaid"](shop)
    client = Client(headers={"accept-language": language})
    send = client.get if page == "order-receipt" else client.post
    answer = send(reverse(page, args=[order.public_id]))

    assert answer.status_code == 403
    assert ELSEWHERE[language] in answer.content.decode()
    assert reverse("order", args=[order.public_id]) in answer.content.decode()
    assert not order.events.exists()
    assert "Your cart is empty" in Client().get(reverse("cart")).content.decode()


@pytest.mark.parametrize("kind", HOLDERS)
def test_with_a_second_fact_the_customer_cancels_orders_again_and_has_a_receipt(shop: Shop, kind: str) -> None:
    """Whichever it is."""
    paid = STAGES["paid"](shop)
    assert "1 Main Street" in shown_to(holder(kind, paid), paid, "order-receipt")
    User.objects.all().delete()
    order, payment = shop.order()
    customer = holder(kind, order)
    customer.post(reverse("order-cancel", args=[order.public_id]))
    assert shop.fresh(payment).cancel_asked_at
    shop.sweep_now(payment)
    assert leads_to(customer.post(reverse("order-again", args=[order.public_id])), reverse("cart"))


def test_a_stranger_may_pay_and_ask_for_the_state(shop: Shop) -> None:
    """To pay for somebody harms nobody."""
    order, payment = shop.order()
    answer = Client().post(reverse("order-pay", args=[order.public_id]))
    assert answer["Location"] == payment.pay_url
    told = json.loads(shown_to(Client(), order, "order-state"))
    assert told == {"state": State.PAY, "advice": "", "final": False}


@pytest.mark.parametrize("page", ["order", "order-state", "order-cancel", "order-again", "order-receipt"])
def test_an_unknown_order_is_not_found_by_anybody(shop: Shop, page: str) -> None:
    """Before it is asked who the visitor is."""
    visitor = holder("browser", shop.order()[0])
    send = visitor.post if page in ("order-cancel", "order-again") else visitor.get
    assert send(reverse(page, args=["x" * 22])).status_code == 404
    assert visitor.get(reverse("order-from-mail", args=["x" * 22, "a"])).status_code == 404


def test_another_customer_and_staff_are_strangers(shop: Shop, django_user_model: Any) -> None:
    """An account proves its own orders; the admin shows staff what they may see."""
    order, _ = shop.order()
    holder("customer", order)
    for name, is_staff in (("bob", False), ("olga", True)):
        other = Client()
        other.force_login(django_user_model.objects.create_user(name, is_staff=is_staff, is_superuser=is_staff))
        assert "1 Main Street" not in shown_to(other, order)


# --- the link in the mail --------------------------------------------------------------------------------------------


def test_the_link_leaves_no_trace_in_the_address(shop: Shop) -> None:
    """It leads to the clean address, is not kept, and the next page does not learn it."""
    order, _ = shop.order()
    answer = Client().get(path_of(order_link.address(order)))
    assert leads_to(answer, reverse("order", args=[order.public_id]))
    assert answer["Referrer-Policy"] == "no-referrer"
    assert "no-store" in answer["Cache-Control"]


def test_a_link_is_of_one_order_and_one_address(shop: Shop) -> None:
    """Neither another order's token, nor one for a wrong address that was corrected, nor nonsense."""
    order, _ = shop.order()
    other, _ = shop.order()
    wrong = [path_of(order_link.address(other)).replace(other.public_id, order.public_id)]
    wrong += [path_of(order_link.address(order)), reverse("order-from-mail", args=[order.public_id, "x"])]
    order.email = "right@example.com"
    order.save(update_fields=["email"])
    for path in wrong:
        visitor = Client()
        assert leads_to(visitor.get(path), reverse("order", args=[order.public_id]))
        assert "right@example.com" not in shown_to(visitor, order)


def test_a_link_works_with_an_earlier_key(shop: Shop, settings: Settings) -> None:
    """The mails are read for months."""
    order, _ = shop.order()
    path = path_of(order_link.address(order))
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "another" * 10
    visitor = Client()
    visitor.get(path)
    assert "1 Main Street" in shown_to(visitor, order)


def test_a_session_that_a_stranger_has_planted_shows_nothing(shop: Shop) -> None:
    """The customer opens the mail in a browser whose session key the stranger knows."""
    order, _ = shop.order()
    stranger, customer = Client(), Client()
    stranger.post(reverse("cart-add"), {"product": order.lines.get().product_id})
    customer.cookies["sessionid"] = stranger.cookies["sessionid"].value
    customer.get(path_of(order_link.address(order)))

    assert "1 Main Street" in shown_to(customer, order)
    assert "1 Main Street" not in shown_to(stranger, order)


def test_an_order_from_a_mail_is_not_offered_on_other_pages(shop: Shop) -> None:
    """Or a stranger would send the link of an own order, for the visitor to pay."""
    order, _ = shop.order()
    assert order.number not in shown_to(holder("mail", order), order).partition("<main")[0]
    assert order.number not in holder("mail", order).get(reverse("catalogue")).content.decode()


def test_only_mails_to_the_customer_have_the_link(shop: Shop) -> None:
    """In text and HTML; the seller's have no link to the page at all."""
    order, payment = shop.paid()
    shop.refund(payment)
    shop.sweep()
    kinds = Notification.Kind
    for mail in Notification.objects.filter(order=order):
        is_for_customer = mail.kind in (kinds.ORDER_CONFIRMATION, kinds.MONEY_BACK, kinds.PAYMENT_LINK)
        for text in (mail.text, mail.html):
            assert (order_link.address(order) in text) == is_for_customer, mail.kind
            assert (order.public_id in text) == is_for_customer, mail.kind
    assert Seller.objects.exists()
