"""The pages, and everything that somebody may send to them instead of what was meant."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from billing.models import Payment
from billing.states import Status
from commerce import carts, orders, settlement
from commerce.models import Cart, CartItem, DeliveryMethod, Order, OrderStatus, Product
from config.due.queue import database_now
from tests.shop import Shop, with_mail

# What pages do needs no commit: undoing a transaction is quicker than emptying every table.
pytestmark = [pytest.mark.django_db, pytest.mark.sqlite_is_enough]

FORM = {"email": "ann@example.com", "name": "Ann", "address": "1 Main Street"}
MOST_QUERIES = 9


@pytest.fixture
def espresso(shop: Shop) -> Product:
    """Something to buy."""
    return shop.product("espresso", stock=10, price_minor=450)


@pytest.fixture
def buyer(client: Client, espresso: Product) -> Client:
    """A visitor with one espresso in the cart."""
    client.post(reverse("cart-add"), {"product": espresso.pk})
    return client


def cart_of(visitor: Client) -> list[tuple[int, int]]:
    """Products and quantities."""
    return list(CartItem.objects.filter(cart=visitor.session["cart"]).values_list("product_id", "quantity"))


def state_of(visitor: Client, order: Order) -> str:
    """What the order page says, and what it asks for by itself: they always agree."""
    told: str = visitor.get(reverse("order-state", args=[order.public_id])).json()["state"]
    page = visitor.get(reverse("order", args=[order.public_id]))
    assert page.status_code == 200
    assert f'data-state="{told}"' in page.content.decode()
    return told


def page_of(visitor: Client, order: Order) -> str:
    """The order's page."""
    return visitor.get(reverse("order", args=[order.public_id])).content.decode()


def leads_to(answer: Any, address: str) -> bool:
    """Is this a redirect to the address?"""
    return bool(answer.status_code == 302 and answer["Location"] == address)


# --- the cart --------------------------------------------------------------------------------------------------------


def test_a_product_is_put_into_the_cart(client: Client, espresso: Product) -> None:
    """Twice is two of it."""
    for _ in range(2):
        assert leads_to(client.post(reverse("cart-add"), {"product": espresso.pk}), reverse("cart"))

    assert cart_of(client) == [(espresso.pk, 2)]
    assert "€9.00" in client.get(reverse("cart")).content.decode()


@pytest.mark.parametrize(
    "product", ["", "0", "-1", "999999", "1.5", "one", "١", "9" * 18, "9" * 19, "9" * 5_000, "1 OR 1=1", "<b>"]
)
def test_a_product_nobody_knows_is_not_found(client: Client, espresso: Product, product: str) -> None:
    """Whatever stands in its place; no cart is made for it."""
    Product.objects.exclude(pk__gt=1).delete()

    assert client.post(reverse("cart-add"), {"product": product}).status_code == 404
    assert not Cart.objects.exists()


def test_without_a_product_nothing_is_found(client: Client) -> None:
    """An empty form is no form."""
    assert client.post(reverse("cart-add")).status_code == 404


def test_what_is_not_for_sale_is_neither_shown_nor_put_into_a_cart(client: Client, espresso: Product) -> None:
    """As if it were not there."""
    Product.objects.update(active=False)

    assert client.post(reverse("cart-add"), {"product": espresso.pk}).status_code == 404
    assert "Espresso" not in client.get(reverse("catalogue")).content.decode()


@pytest.mark.parametrize(("quantity", "left"), [("5", 5), ("99", 99), ("1", 1), (" 7 ", 7)])
def test_a_quantity_is_changed(buyer: Client, espresso: Product, quantity: str, left: int) -> None:
    """Up to ninety-nine of one product."""
    buyer.post(reverse("cart-change"), {"product": espresso.pk, "quantity": quantity})

    assert cart_of(buyer) == [(espresso.pk, left)]


def test_none_takes_the_product_out(buyer: Client, espresso: Product) -> None:
    """The cart is empty then, and says so."""
    buyer.post(reverse("cart-change"), {"product": espresso.pk, "quantity": "0"})

    assert cart_of(buyer) == []
    assert "Your cart is empty" in buyer.get(reverse("cart")).content.decode()


@pytest.mark.parametrize(
    "quantity", ["", "-1", "100", "9" * 30, "9" * 5_000, "1.5", "one", "1e1", "NaN", "' OR 1=1", "<script>"]
)
def test_what_is_no_quantity_changes_nothing(buyer: Client, espresso: Product, quantity: str) -> None:
    """The page says so, and the cart stays as it is."""
    answer = buyer.post(reverse("cart-change"), {"product": espresso.pk, "quantity": quantity}, follow=True)

    assert "That quantity cannot be ordered" in answer.content.decode()
    assert cart_of(buyer) == [(espresso.pk, 1)]


@pytest.mark.parametrize("product", ["", "-1", "0", "one", "9" * 18, "9" * 19, "9" * 30, "9" * 5_000])
def test_the_quantity_of_a_product_that_is_not_in_the_cart_changes_nothing(buyer: Client, product: str) -> None:
    """However large its number is."""
    before = cart_of(buyer)

    answer = buyer.post(reverse("cart-change"), {"product": product, "quantity": "3"})

    assert (answer.status_code, cart_of(buyer)) == (302, before)


def test_nobody_changes_somebody_elses_cart(buyer: Client, espresso: Product) -> None:
    """The session says whose cart it is; a field of that name says nothing."""
    other = Client()
    other.post(reverse("cart-change"), {"cart": buyer.session["cart"], "product": espresso.pk, "quantity": "9"})

    assert cart_of(buyer) == [(espresso.pk, 1)]


def test_a_cart_that_was_tidied_away_is_an_empty_one(buyer: Client, espresso: Product) -> None:
    """The session is older than the cart; a new one is made when there is something to put into it."""
    Cart.objects.all().delete()

    assert buyer.get(reverse("cart")).status_code == 200
    assert buyer.get(reverse("catalogue")).status_code == 200
    buyer.post(reverse("cart-add"), {"product": espresso.pk})
    assert cart_of(buyer) == [(espresso.pk, 1)]


@pytest.mark.parametrize(
    ("facts", "quantity", "sentence"),
    [
        ({"stock": 3}, 4, "Only 3 are left."),
        ({"stock": 1}, 4, "Only 1 is left."),
        ({"stock": 0}, 1, "Sold out: please remove it from the cart."),
        ({"active": False}, 1, "No longer sold: please remove it from the cart."),
    ],
)
def test_the_cart_says_what_cannot_be_had(
    shop: Shop, buyer: Client, espresso: Product, facts: dict[str, Any], quantity: int, sentence: str
) -> None:
    """At its line, and in place of the way to the checkout; the rest of the cart stays."""
    mug = shop.product("mug")
    buyer.post(reverse("cart-add"), {"product": mug.pk})
    buyer.post(reverse("cart-change"), {"product": espresso.pk, "quantity": quantity})
    Product.objects.filter(pk=espresso.pk).update(**facts)

    page = buyer.get(reverse("cart")).content.decode()

    assert page.count(sentence) == 1
    assert reverse("checkout") not in page
    answer = buyer.get(reverse("checkout"), follow=True)
    assert answer.redirect_chain == [(reverse("cart"), 302)]
    assert "Please change the marked ones" in answer.content.decode()
    assert cart_of(buyer) == [(espresso.pk, quantity), (mug.pk, 1)]

    buyer.post(reverse("cart-change"), {"product": espresso.pk, "quantity": 0})
    assert reverse("checkout") in buyer.get(reverse("cart")).content.decode()


# --- the checkout ----------------------------------------------------------------------------------------------------


def test_an_order_leads_to_the_providers_page(shop: Shop, buyer: Client) -> None:
    """The customer pays there, not here."""
    answer = buyer.post(reverse("checkout"), FORM)

    order, payment = Order.objects.get(), Payment.objects.get()
    assert leads_to(answer, payment.pay_url)
    assert (order.email, order.name, order.address, str(order.total)) == (*FORM.values(), "4.50 EUR")
    assert payment.return_url == f"http://127.0.0.1:8000/orders/{order.public_id}/return/"


def test_a_form_cannot_name_its_price(shop: Shop, buyer: Client, espresso: Product) -> None:
    """Fields that nobody asked for are not read."""
    price = {"price": "0.01", "total": "1", "total_minor": "1", "currency": "RUB", "quantity": "-5"}
    others = {"status": "paid", "public_id": "mine", "language": "xx", "cart": "1"}

    buyer.post(reverse("checkout"), {**FORM, **price, **others})

    order = Order.objects.get()
    assert (str(order.total), order.status, order.language) == ("4.50 EUR", OrderStatus.AWAITING_PAYMENT, "en")
    assert order.public_id != "mine"
    assert [(line.quantity, line.price_minor) for line in order.lines.all()] == [(1, 450)]


@pytest.mark.parametrize("method", ["get", "post"])
def test_an_empty_cart_cannot_be_ordered(client: Client, method: str) -> None:
    """Neither by somebody who has never been here, nor by somebody who took everything out again."""
    answer = getattr(client, method)(reverse("checkout"), FORM, follow=True)

    assert answer.redirect_chain == [(reverse("cart"), 302)]
    assert "Your cart is empty" in answer.content.decode()
    assert not Order.objects.exists()


@pytest.mark.parametrize(
    ("obstacle", "sentence"),
    [({"stock": 0}, "“Espresso” is sold out."), ({"active": False}, "“Espresso” is no longer sold.")],
)
def test_what_is_not_to_be_had_is_said_on_the_page(
    buyer: Client, espresso: Product, obstacle: dict[str, Any], sentence: str
) -> None:
    """Nothing is ordered; the form keeps what was filled in."""
    Product.objects.update(**obstacle)

    answer = buyer.post(reverse("checkout"), FORM)

    assert answer.status_code == 409
    assert sentence in answer.content.decode()
    assert "1 Main Street" in answer.content.decode()
    assert (Order.objects.count(), cart_of(buyer)) == (0, [(espresso.pk, 1)])


def test_fewer_than_wanted_is_said_on_the_page(buyer: Client, espresso: Product) -> None:
    """With how many there are."""
    carts.set_quantity(Cart.objects.get(), espresso.pk, 20)

    answer = buyer.post(reverse("checkout"), FORM)

    assert answer.status_code == 409
    assert "Only 10 of “Espresso” are left." in answer.content.decode()
    assert not Order.objects.exists()


@pytest.mark.parametrize(
    "field",
    [
        {"email": ""},
        {"email": "ann"},
        {"email": "ann@example.com\nBcc: everybody@example.com"},
        {"email": "ann@example.com\r\nBcc: everybody@example.com"},
        {"email": "ann@example.com, bert@example.com"},
        {"email": "Ann <ann@example.com>"},
        {"email": "a" * 250 + "@example.com"},
        {"name": ""},
        {"name": "   "},
        {"name": "A" * 101},
        {"address": ""},
        {"address": "A" * 501},
        {"address": "A" * 1_000_000},
    ],
    ids=lambda field: repr(field)[:50],
)
def test_a_form_that_makes_no_sense_orders_nothing(buyer: Client, field: dict[str, str]) -> None:
    """The page is shown again and says what is wrong."""
    answer = buyer.post(reverse("checkout"), {**FORM, **field})

    assert answer.status_code == 200
    assert "Something is missing or cannot be read" in answer.content.decode()
    assert not Order.objects.exists()


@pytest.mark.parametrize(
    "name",
    [
        "Анна Петрова",
        "مها الأحمد",
        "Ann 🦊☕",
        "O’Brien & Söhne <b>",
        "D'Arc\"",
        "名前",
        "a\u0301",
        "A" * 100,
        "{{ 7 }}",
    ],
)
def test_names_of_all_kinds_are_taken_as_they_are(shop: Shop, buyer: Client, name: str) -> None:
    """Stored letter for letter, and escaped where they are shown."""
    buyer.post(reverse("checkout"), {**FORM, "name": name, "address": f"{name}\n1 Main Street"})

    order = Order.objects.get()
    assert order.name == name
    page = buyer.get(reverse("order", args=[order.public_id])).content.decode()
    assert "<b>" not in page.replace(f"<b>{FORM['email']}</b>", "")
    assert "O’Brien &amp; Söhne &lt;b&gt;" in page if "<b>" in name else name[:5].replace("'", "&#x27;") in page


def test_a_name_with_line_breaks_forges_no_header(shop: Shop, buyer: Client) -> None:
    """Whatever is stored of it, the mail's subject is one line and has no part of it."""
    buyer.post(reverse("checkout"), {**FORM, "name": "Ann\r\nBcc: everybody@example.com"})
    payment = Payment.objects.get()
    shop.buyer(payment, "pay")
    shop.look(payment)
    settlement.settle_due()

    subject = Order.objects.get().notifications.get(kind="order_confirmation").subject
    assert len(subject.splitlines()) == 1
    assert "Bcc" not in subject


def test_a_second_click_shows_the_order_of_the_first(shop: Shop, buyer: Client) -> None:
    """It finds the cart empty, and places nothing."""
    buyer.post(reverse("checkout"), FORM)

    answer = buyer.post(reverse("checkout"), FORM)

    assert leads_to(answer, reverse("order", args=[Order.objects.get().public_id]))
    assert Payment.objects.count() == 1


@pytest.mark.parametrize("kind", ["refuse", "status_500"])
def test_an_order_is_placed_while_the_provider_is_down(shop: Shop, buyer: Client, kind: str) -> None:
    """The page says that the payment is being prepared, and the background goes on asking until there is an answer."""
    shop.sandbox.outage(kind, 600)

    answer = buyer.post(reverse("checkout"), FORM)

    order = Order.objects.get()
    assert leads_to(answer, reverse("order", args=[order.public_id]))
    assert state_of(buyer, order) == "preparing"
    shop.sandbox.end_outage()
    shop.look(Payment.objects.get())
    assert state_of(buyer, order) == "pay"


@pytest.mark.parametrize("language", ["en", "ru"])
def test_the_order_remembers_the_language(shop: Shop, buyer: Client, language: str) -> None:
    """Its mails are written in it."""
    buyer.post(reverse("checkout"), FORM, headers={"accept-language": language})

    assert Order.objects.get().language == language


@pytest.mark.parametrize("address", ["cart-add", "cart-change", "checkout"])
def test_a_form_from_elsewhere_is_refused(shop: Shop, espresso: Product, address: str) -> None:
    """Without the token that our own pages carry, nothing happens, and the page says what to do."""
    stranger = Client(enforce_csrf_checks=True)

    answer = stranger.post(reverse(address), {**FORM, "product": espresso.pk, "quantity": 1})

    assert answer.status_code == 403
    assert "form" in answer.content.decode()
    assert (Order.objects.count(), Cart.objects.count()) == (0, 0)


@pytest.mark.parametrize("page", ["order-pay", "order-cancel"])
def test_paying_and_cancelling_from_elsewhere_is_refused(shop: Shop, page: str) -> None:
    """A page of somebody else can neither start a payment nor end an order."""
    order, payment = shop.order()

    assert Client(enforce_csrf_checks=True).post(reverse(page, args=[order.public_id])).status_code == 403
    assert shop.fresh(payment).cancel_asked_at is None


# --- the order -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "page", ["order", "order-state", "order-return", "order-pay", "order-cancel", "order-again", "order-receipt"]
)
@pytest.mark.parametrize("public_id", ["1", "x" * 22, "x" * 5_000, "..", "%00", "☕", "' OR 1=1 --"])
def test_an_order_nobody_knows_is_not_found(shop: Shop, client: Client, page: str, public_id: str) -> None:
    """Orders have ids of 128 random bits; a number, a guess or nonsense finds nothing, and breaks nothing."""
    shop.order()
    address = reverse(page, args=["ID"]).replace("ID", public_id)

    answer = client.post(address) if page in ("order-pay", "order-cancel", "order-again") else client.get(address)

    assert answer.status_code == 404


def test_the_number_of_an_order_is_no_way_to_it(shop: Shop, client: Client) -> None:
    """Nobody can count through the orders of others."""
    order, _ = shop.order()

    assert client.get(f"/orders/{order.pk}/").status_code == 404
    assert client.get(reverse("order", args=[order.public_id])).status_code == 200


@pytest.mark.parametrize(
    ("action", "settled", "state"),
    [
        (None, False, "pay"),
        ("authorize", True, "checking"),
        ("pay", False, "checking"),
        ("pay", True, "paid"),
        ("deliver", True, "delivered"),
        ("decline", True, "try_again"),
        ("cancel", True, "canceled"),
        ("expire", True, "expired"),
    ],
)
def test_the_page_says_where_the_order_stands(
    shop: Shop, client: Client, action: str | None, settled: bool, state: str
) -> None:
    """One word for what the customer should see and do."""
    order, payment = shop.order()
    if action == "expire":
        shop.let_time_pass(3_700)
    elif action:
        shop.buyer(payment, "pay" if action == "deliver" else action)
    shop.look(payment)
    if settled:
        settlement.settle_due()
    if action == "deliver":
        assert orders.mark_delivered(order.pk, "sam")

    assert state_of(client, order) == state
    final = client.get(reverse("order-state", args=[order.public_id])).json()["final"]
    assert final == (state in ("paid", "delivered", "canceled", "expired"))


def test_a_case_for_a_person_is_being_checked(shop: Shop, client: Client) -> None:
    """The customer is not sent to pay what may have been paid."""
    order, payment = shop.order()
    shop.sandbox.fault("status", "wrong_amount")
    shop.look(payment)

    assert state_of(client, order) == "checking"


def test_coming_back_is_a_reason_to_look_and_nothing_more(shop: Shop, client: Client) -> None:
    """What the address claims is not read."""
    order, payment = shop.order()

    address = reverse("order-return", args=[order.public_id]) + "?status=succeeded&paid=1&payment=pay_other"
    answer = client.get(address)

    assert leads_to(answer, reverse("order", args=[order.public_id]))
    payment = shop.fresh(payment)
    assert (payment.status, payment.asked_by) == (Status.PENDING, "return")
    assert payment.next_check_at is not None
    assert payment.next_check_at <= database_now() + timedelta(milliseconds=1)


def test_paying_leads_to_the_payment_that_is_open(shop: Shop, client: Client) -> None:
    """No second one is started."""
    order, payment = shop.order()

    assert leads_to(client.post(reverse("order-pay", args=[order.public_id])), payment.pay_url)
    assert Payment.objects.count() == 1


def test_after_a_failed_payment_paying_starts_another(shop: Shop, client: Client) -> None:
    """And leads to its page."""
    order, failed = shop.order()
    shop.buyer(failed, "decline")
    shop.look(failed)
    settlement.settle_due()

    answer = client.post(reverse("order-pay", args=[order.public_id]))

    second = Payment.objects.exclude(pk=failed.pk).get()
    assert leads_to(answer, second.pay_url)
    assert second.pay_url != failed.pay_url


@pytest.mark.parametrize("action", ["pay", "cancel"])
def test_an_order_that_has_ended_cannot_be_paid(shop: Shop, client: Client, action: str) -> None:
    """The page says so."""
    order, payment = shop.order()
    shop.buyer(payment, action)
    shop.look(payment)
    settlement.settle_due()

    answer = client.post(reverse("order-pay", args=[order.public_id]), follow=True)

    assert "can no longer be paid" in answer.content.decode()
    assert Payment.objects.count() == 1


def test_nobody_is_sent_to_pay_an_order_that_late_money_has_paid(shop: Shop, client: Client) -> None:
    """The first payment succeeded after all while the second is open: paying that one would be paying twice."""
    order, first = shop.order()
    shop.buyer(first, "decline")
    shop.look(first)
    settlement.settle_due()
    client.post(reverse("order-pay", args=[order.public_id]))
    second = Payment.objects.exclude(pk=first.pk).get()
    shop.sandbox.force(first.provider_ref, "succeeded")
    shop.receive(first)
    shop.sweep()
    assert shop.fresh(order).status == OrderStatus.PAID

    answer = client.post(reverse("order-pay", args=[order.public_id]))

    assert shop.fresh(second).pay_url not in answer["Location"]
    assert leads_to(answer, reverse("order", args=[order.public_id]))


def test_a_customer_cancels_before_paying(shop: Shop, client: Client) -> None:
    """The page says that it is under way, and then that it is done; nobody is sent to pay in between."""
    order, _ = shop.order()
    assert reverse("order-cancel", args=[order.public_id]) in page_of(with_mail(client, order), order)

    answer = client.post(reverse("order-cancel", args=[order.public_id]))

    assert leads_to(answer, reverse("order", args=[order.public_id]))
    assert state_of(client, order) == "canceling"
    pay = client.post(reverse("order-pay", args=[order.public_id]))
    assert leads_to(pay, reverse("order", args=[order.public_id]))
    shop.sweep()
    assert state_of(client, order) == "canceled"


def test_money_that_was_quicker_than_cancelling_is_shown(shop: Shop, client: Client) -> None:
    """Paid in another window: the order is paid, and cannot be cancelled any more."""
    order, payment = shop.order()
    shop.buyer(payment, "pay")

    with_mail(client, order).post(reverse("order-cancel", args=[order.public_id]))
    assert state_of(client, order) == "canceling"
    shop.sweep()

    assert state_of(client, order) == "paid"
    answer = client.post(reverse("order-cancel", args=[order.public_id]), follow=True)
    assert "can no longer be cancelled" in answer.content.decode()
    assert shop.fresh(order).status == OrderStatus.PAID


def test_a_customer_sees_what_has_happened(shop: Shop, client: Client) -> None:
    """In a few sentences, without what only the shop needs to know."""
    order, payment = shop.order()
    shop.buyer(payment, "pay")
    shop.sweep_now(payment)

    page = page_of(with_mail(client, order), order)

    assert "The order was placed" in page
    assert "The order is paid, and can be packed." in page
    assert "provider called us" not in page


@pytest.mark.parametrize("action", [None, "cancel", "decline", "authorize"])
def test_without_money_there_is_no_receipt(shop: Shop, client: Client, action: str | None) -> None:
    """Neither the page nor a link to it."""
    order, payment = shop.order()
    if action:
        shop.buyer(payment, action)
        shop.sweep_now(payment)

    assert with_mail(client, order).get(reverse("order-receipt", args=[order.public_id])).status_code == 404


@pytest.mark.parametrize("delivered", [False, True])
@pytest.mark.parametrize("language", ["en", "ru"])
def test_what_was_paid_has_a_receipt(shop: Shop, client: Client, delivered: bool, language: str) -> None:
    """With number, lines, total and the payment's number at the provider; linked from the order."""
    order, payment = shop.order(shop.product("espresso", price_minor=450), quantity=2)
    shop.buyer(payment, "pay")
    shop.sweep_now(payment)
    if delivered:
        orders.mark_delivered(order.pk, "sam")
    address = reverse("order-receipt", args=[order.public_id])
    assert address in page_of(with_mail(client, order), order)

    page = client.get(address, headers={"accept-language": language})

    assert "no-store" in page["Cache-Control"]
    prices = {"en": ("€4.50", "€9.00"), "ru": ("4,50\xa0€", "9,00\xa0€")}[language]
    for word in (order.public_id, "Espresso", *prices, payment.provider_ref, "1 Main Street"):
        assert word in page.content.decode(), word
    assert ("Квитанция" in page.content.decode()) == (language == "ru")


def test_the_page_of_an_order_is_not_kept_by_anybody(shop: Shop, client: Client) -> None:
    """It changes by itself, and it is nobody else's business."""
    order, _ = shop.order()

    for page in ("order", "order-state"):
        assert "no-store" in client.get(reverse(page, args=[order.public_id]))["Cache-Control"]


# --- methods, languages, and pages that are not there ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "address"),
    [("get", "cart-add"), ("get", "cart-change"), ("post", "catalogue"), ("post", "cart"), ("delete", "checkout")],
)
def test_the_wrong_method_changes_nothing(client: Client, method: str, address: str) -> None:
    """405, and that is all."""
    assert getattr(client, method)(reverse(address)).status_code == 405


@pytest.mark.parametrize("address", ["/nothing", "/orders/", "/cart/nothing/", "/%00", "/" + "x" * 5_000])
def test_a_page_that_is_not_there_is_not_found(client: Client, address: str) -> None:
    """With a way back to the shop."""
    answer = client.get(address)

    assert answer.status_code == 404
    assert reverse("catalogue") in answer.content.decode()


@pytest.mark.parametrize("language", ["en", "ru", "de", "xx", "", "ru;q=nonsense", "*" * 5_000])
def test_pages_come_in_one_of_the_two_languages(client: Client, espresso: Product, language: str) -> None:
    """Whatever the browser asks for."""
    answer = client.get(reverse("catalogue"), headers={"accept-language": language})

    assert answer.status_code == 200
    assert answer["Content-Language"] == ("ru" if language == "ru" else answer["Content-Language"])
    assert answer["Content-Language"] in ("en", "ru")


@pytest.mark.parametrize("cookie", ["", "x", "x" * 32, "x" * 5_000, "' OR 1=1"])
def test_a_session_nobody_knows_is_a_new_visitor(client: Client, espresso: Product, cookie: str) -> None:
    """Every page works, and the cart is empty."""
    client.cookies["sessionid"] = cookie

    assert "Your cart is empty" in client.get(reverse("cart")).content.decode()


# --- speed -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("products", [1, 30])
def test_the_number_of_queries_does_not_grow_with_what_is_shown(shop: Shop, client: Client, products: int) -> None:
    """A long catalogue, a full cart and a large order cost as many as small ones."""
    for number in range(products):
        client.post(reverse("cart-add"), {"product": shop.product(f"product-{number:02}").pk})
        DeliveryMethod.objects.create(name=f"Method {number}", price_minor=number)
    for page in ("catalogue", "cart", "checkout"):
        with at_most(MOST_QUERIES):
            assert client.get(reverse(page)).status_code == 200
    client.post(reverse("checkout"), FORM)
    order = Order.objects.get()
    assert order.lines.count() == products
    for page in ("order", "order-state"):
        with at_most(MOST_QUERIES):
            assert client.get(reverse(page, args=[order.public_id])).status_code == 200


class at_most(CaptureQueriesContext):  # noqa: N801 (read as a verb)
    """So many queries at most."""

    def __init__(self, limit: int) -> None:
        super().__init__(connection)
        self._limit = limit

    def __exit__(self, *error: Any) -> None:
        super().__exit__(*error)
        assert len(self) <= self._limit, json.dumps([query["sql"] for query in self], indent=1)
