"""Delivery: offered, chosen, paid for, told; and what may change between showing the page and ordering."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import call_command
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse

from billing.models import Payment
from billing.money import LARGEST_MINOR, Money
from billing.payments import service as payments
from commerce import delivery, orders
from commerce.admin.catalogue import DeliveryMethodAdmin
from commerce.errors import CannotOrder, DeliveryNotOffered, TooMuch
from commerce.management.commands.demoshop import DEMO
from commerce.models import DeliveryMethod, Notification, Order, Product
from commerce.orders import Wishes
from tests.database.test_pages import FORM
from tests.shop import CUSTOMER, Shop, with_mail
from tests.threads import at_once

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite_is_enough]

RUSSIAN = {"accept-language": "ru"}


def method(name: str = "Courier", price_minor: int = 490, **facts: Any) -> DeliveryMethod:
    """Offered after those that are there already."""
    facts = {"position": DeliveryMethod.objects.count() + 1, **facts}
    return DeliveryMethod.objects.create(name=name, price_minor=price_minor, **facts)


@pytest.fixture
def courier() -> DeliveryMethod:
    """The first choice."""
    return method("Courier", 490, name_ru="Курьером")


@pytest.fixture
def pickup(courier: DeliveryMethod) -> DeliveryMethod:
    """The second one, and free."""
    return method("Pick up", 0, name_ru="Самовывоз")


@pytest.fixture
def buyer(shop: Shop, client: Client) -> Client:
    """A visitor with an espresso for 4.50 EUR in the cart."""
    client.post(reverse("cart-add"), {"product": shop.product(price_minor=450).pk})
    return client


def checkout(visitor: Client, **headers: Any) -> str:
    """The page."""
    return visitor.get(reverse("checkout"), **headers).content.decode()


def radios(page: str) -> list[tuple[str, bool]]:
    """Values, and which one is marked."""
    return [
        (radio[1], bool(radio[2])) for radio in re.finditer(r'type="radio"[^>]*value="(\d+)"[^>]*?( checked)?>', page)
    ]


def texts(page: str) -> list[str]:
    """What each radio is called, as a screen reader reads its label."""
    labels = re.findall(r'<label class="choice">(.*?)</label>', page, re.DOTALL)
    return [" ".join(re.sub(r"<[^>]*>", " ", label).split()) for label in labels]


def sent_by(page: str) -> dict[str, str]:
    """What a browser sends of the page besides what is typed in."""
    hidden = dict(re.findall(r'<input type="hidden" name="(shown[^"]*)" value="([^"]*)">', page))
    marked = [("delivery", value) for value, is_marked in radios(page) if is_marked]
    return hidden | dict(marked)


def order_with(visitor: Client, page: str, language: str = "en", **choice: object) -> Any:
    """Press "order" on a page that was shown before."""
    data = {**FORM, **sent_by(page), **choice}
    return visitor.post(reverse("checkout"), data, headers={"accept-language": language})


def ordered() -> tuple[str, str, str]:
    """Delivery, its price, and the total of the one order; its payment asks for the same."""
    order = Order.objects.get()
    assert Payment.objects.get().amount == order.total
    return order.delivery_name, str(order.delivery_price), str(order.total)


# --- offered ---------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("pickup")
def test_each_choice_says_its_price_and_its_total(buyer: Client, courier: DeliveryMethod) -> None:
    """So the page needs no script; the first one is marked."""
    page = checkout(buyer)

    assert texts(page) == ["Courier €4.90 Total €9.40", "Pick up free Total €4.50"]
    assert [marked for _value, marked in radios(page)] == [True, False]
    assert sent_by(page)["delivery"] == str(courier.pk)
    assert "<legend>Delivery</legend>" in page


@pytest.mark.usefixtures("pickup")
def test_the_choices_are_in_the_readers_language(buyer: Client) -> None:
    """Russian here; English where there is no Russian."""
    method("Drone", 900)

    page = checkout(buyer, headers=RUSSIAN)

    assert texts(page) == [
        "Курьером 4,90 € Итого 9,40 €",
        "Самовывоз бесплатно Итого 4,50 €",
        "Drone 9,00 € Итого 13,50 €",
    ]
    assert "<legend>Доставка</legend>" in page


def test_the_shop_decides_what_stands_first(buyer: Client, courier: DeliveryMethod, pickup: DeliveryMethod) -> None:
    """By position; the older one, where two share it."""
    DeliveryMethod.objects.filter(pk=courier.pk).update(position=2)
    assert radios(checkout(buyer)) == [(str(courier.pk), True), (str(pickup.pk), False)]

    DeliveryMethod.objects.filter(pk=courier.pk).update(position=3)
    assert radios(checkout(buyer)) == [(str(pickup.pk), True), (str(courier.pk), False)]


@pytest.mark.parametrize("facts", [{"active": False}, {"currency": "RUB"}], ids=["switched off", "other currency"])
def test_what_does_not_fit_is_not_offered(buyer: Client, pickup: DeliveryMethod, facts: dict[str, Any]) -> None:
    """Nor does it cost a word."""
    DeliveryMethod.objects.filter(pk=pickup.pk).update(**facts)

    assert texts(checkout(buyer)) == ["Courier €4.90 Total €9.40"]


def test_a_shop_without_methods_offers_none_and_takes_nothing_for_it(shop: Shop, buyer: Client) -> None:
    """As if there were no such thing."""
    page = checkout(buyer)
    assert ("Delivery</legend>" in page, "Goods" in page, texts(page)) == (False, False, [])

    order_with(buyer, page)

    assert ordered() == ("", "0.00 EUR", "4.50 EUR")
    assert "Delivery:" not in buyer.get(reverse("order", args=[Order.objects.get().public_id])).content.decode()


@pytest.mark.parametrize(("price_minor", "hint"), [(490, True), (0, False)])
def test_the_cart_says_that_delivery_will_cost_something(buyer: Client, price_minor: int, hint: bool) -> None:
    """Only where it will."""
    method(price_minor=price_minor)

    assert ("Plus delivery" in buyer.get(reverse("cart")).content.decode()) == hint


# --- chosen ----------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("pickup")
def test_whoever_changes_nothing_gets_the_first(shop: Shop, buyer: Client) -> None:
    """What is marked is what is sent."""
    order_with(buyer, checkout(buyer))

    assert ordered() == ("Courier", "4.90 EUR", "9.40 EUR")


def test_another_one_may_be_chosen(shop: Shop, buyer: Client, pickup: DeliveryMethod) -> None:
    """The order keeps its name in both languages."""
    choice = {**FORM, **sent_by(checkout(buyer)), "delivery": pickup.pk}

    buyer.post(reverse("checkout"), choice)

    assert ordered() == ("Pick up", "0.00 EUR", "4.50 EUR")
    assert Order.objects.get().delivery_name_ru == "Самовывоз"


@pytest.mark.usefixtures("pickup")
def test_a_client_that_names_none_gets_the_first(shop: Shop, buyer: Client) -> None:
    """Programs that order knew nothing of delivery."""
    buyer.post(reverse("checkout"), FORM)

    assert ordered() == ("Courier", "4.90 EUR", "9.40 EUR")


@pytest.mark.postgres_too
@pytest.mark.parametrize("value", ["", " ", "0", "-1", "999999", "1.5", "Courier", "١", "9" * 5_000, "1 OR 1=1"])
@pytest.mark.usefixtures("pickup")
def test_a_delivery_nobody_offers_orders_nothing(buyer: Client, value: str) -> None:
    """The page says so at the choice, keeps what was filled in, and marks nothing in the customer's place."""
    answer = order_with(buyer, checkout(buyer), delivery=value)

    page = answer.content.decode()
    assert (answer.status_code, Order.objects.count()) == (200, 0)
    assert ("Please choose a delivery" in page) == (value == "")
    assert ("no longer offered" in page) == (value != "")
    assert 'aria-describedby="delivery-error"' in page
    assert [marked for _value, marked in radios(page)] == [False, False]
    assert "1 Main Street" in page


@pytest.mark.usefixtures("pickup")
def test_another_mistake_does_not_lose_the_choice(buyer: Client, pickup: DeliveryMethod) -> None:
    """The radio stays where the customer put it."""
    page = order_with(buyer, checkout(buyer), delivery=pickup.pk, email="ann").content.decode()

    assert [value for value, marked in radios(page) if marked] == [str(pickup.pk)]


# --- changed in between ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("facts", [{"active": False}, {"currency": "RUB"}], ids=["switched off", "other currency"])
def test_a_method_that_is_gone_is_chosen_again(
    shop: Shop, buyer: Client, courier: DeliveryMethod, pickup: DeliveryMethod, facts: dict[str, Any]
) -> None:
    """Never replaced in silence; the next press of the button, with another choice, orders."""
    page = checkout(buyer)
    DeliveryMethod.objects.filter(pk=courier.pk).update(**facts)

    page = order_with(buyer, page).content.decode()
    assert "no longer offered" in page
    assert texts(page) == ["Pick up free Total €4.50"]

    order_with(buyer, page, delivery=pickup.pk)
    assert ordered()[0] == "Pick up"


def test_the_last_method_is_switched_off(shop: Shop, buyer: Client, courier: DeliveryMethod) -> None:
    """The error stands where the choice was; then there is nothing to choose."""
    page = checkout(buyer)
    courier.delete()

    page = order_with(buyer, page).content.decode()
    assert ("no longer offered" in page, radios(page), Order.objects.count()) == (True, [], 0)

    order_with(buyer, page)
    assert ordered() == ("", "0.00 EUR", "4.50 EUR")


@pytest.mark.parametrize("change", ["product", "delivery", "first method", "quantity"])
def test_no_order_is_placed_at_a_total_the_customer_has_not_seen(shop: Shop, buyer: Client, change: str) -> None:
    """Dearer or cheaper: the page shows the new total and asks once more; the second press orders."""
    if change != "first method":
        method()
    page = checkout(buyer)
    changes: dict[str, Callable[[], object]] = {
        "product": lambda: Product.objects.update(price_minor=440),
        "delivery": lambda: DeliveryMethod.objects.update(price_minor=590),
        "first method": method,
        "quantity": lambda: buyer.post(reverse("cart-add"), {"product": Product.objects.get().pk}),
    }
    changes[change]()
    total = {"product": "9.30", "delivery": "10.40", "first method": "9.40", "quantity": "13.90"}[change]

    answer = order_with(buyer, page)

    page = answer.content.decode()
    assert (answer.status_code, Order.objects.count()) == (409, 0)
    assert f"the total is €{total} now" in page
    assert Product.objects.get().stock == 10
    order_with(buyer, page)
    assert ordered()[2] == f"{total} EUR"


@pytest.mark.parametrize(
    "change", ["another product", "more of one, less of the other", "prices swapped", "delivery dearer, goods cheaper"]
)
@pytest.mark.parametrize("language", ["en", "ru"])
def test_other_goods_at_the_same_total_are_shown_again(
    shop: Shop, buyer: Client, courier: DeliveryMethod, change: str, language: str
) -> None:
    """In another window, or by the shop: nothing is ordered that the customer has not seen, and nothing is lost."""
    espresso, mug = Product.objects.get(), shop.product("mug", price_minor=450)
    buyer.post(reverse("cart-add"), {"product": mug.pk, "quantity": 2})
    page = checkout(buyer)
    changes: dict[str, list[tuple[str, dict[str, Any]]]] = {
        "another product": [
            ("cart-change", {"product": espresso.pk, "quantity": 0}),
            ("cart-add", {"product": shop.product("tea", price_minor=450).pk}),
        ],
        "more of one, less of the other": [
            ("cart-change", {"product": espresso.pk, "quantity": 2}),
            ("cart-change", {"product": mug.pk, "quantity": 1}),
        ],
    }
    for address, data in changes.get(change, []):
        buyer.post(reverse(address), data)
    if change == "prices swapped":
        Product.objects.filter(pk=espresso.pk).update(price_minor=650)
        Product.objects.filter(pk=mug.pk).update(price_minor=350)
    elif change == "delivery dearer, goods cheaper":
        Product.objects.filter(pk=espresso.pk).update(price_minor=350)
        DeliveryMethod.objects.update(price_minor=590)

    answer = order_with(buyer, page, language)

    page = answer.content.decode()
    assert (answer.status_code, Order.objects.count()) == (409, 0)
    assert {"en": "the total is €18.40 now", "ru": "теперь итог 18,40\xa0€"}[language] in page
    assert "1 Main Street" in page
    order_with(buyer, page)
    assert ordered()[2] == "18.40 EUR"


def test_a_page_that_shows_what_is_in_the_cart_orders_it(shop: Shop, buyer: Client, courier: DeliveryMethod) -> None:
    """However the cart came to be so: changed and changed back, or filled in another order."""
    espresso, mug = Product.objects.get(), shop.product("mug")
    buyer.post(reverse("cart-add"), {"product": mug.pk})
    page = checkout(buyer)
    for product in (espresso, mug):
        buyer.post(reverse("cart-change"), {"product": product.pk, "quantity": 0})
    for product in (mug, espresso):
        buyer.post(reverse("cart-add"), {"product": product.pk})

    order_with(buyer, page)

    assert ordered()[2] == "13.90 EUR"


def test_prices_of_what_was_not_chosen_may_change(shop: Shop, buyer: Client, pickup: DeliveryMethod) -> None:
    """They are none of this customer's business."""
    page = checkout(buyer)
    DeliveryMethod.objects.filter(name="Courier").update(price_minor=1_000)

    order_with(buyer, page, delivery=pickup.pk)

    assert ordered() == ("Pick up", "0.00 EUR", "4.50 EUR")


@pytest.mark.postgres_too
@pytest.mark.parametrize("shown", ["0.01 EUR", "9.40 EUR", "0" * 32, "<b>", "9" * 5_000])
def test_a_form_cannot_name_its_total(shop: Shop, buyer: Client, courier: DeliveryMethod, shown: str) -> None:
    """It can only refuse the one there is."""
    answer = order_with(buyer, checkout(buyer), "en", **{f"shown-{courier.pk}": shown})

    assert (answer.status_code, Order.objects.count()) == (409, 0)
    assert "<b></p>" not in answer.content.decode()


def test_an_order_keeps_what_it_was_placed_with(shop: Shop, courier: DeliveryMethod) -> None:
    """Whatever becomes of the method."""
    order, _payment = orders.place(shop.cart(shop.product()), CUSTOMER)
    DeliveryMethod.objects.update(name="Drone", price_minor=99_900)
    courier.delete()

    order = shop.fresh(order)
    assert (order.delivery_name, str(order.delivery_price), str(order.total)) == ("Courier", "4.90 EUR", "9.40 EUR")


@pytest.mark.postgres_too
@pytest.mark.django_db(transaction=True)
def test_two_orders_at_once_wait_for_no_method(shop: Shop, courier: DeliveryMethod, pickup: DeliveryMethod) -> None:
    """Each at the price of its own choice."""
    espresso = shop.product(price_minor=450)
    carts = [shop.cart(espresso), shop.cart(espresso)]

    def buying(number: int, chosen: DeliveryMethod) -> Callable[[], str]:
        return lambda: str(orders.place(carts[number], CUSTOMER, Wishes(chosen.pk))[0].total)

    assert at_once(buying(0, courier), buying(1, pickup)) == ["9.40 EUR", "4.50 EUR"]


@pytest.mark.postgres_too
@pytest.mark.django_db(transaction=True)
def test_a_method_switched_off_at_the_same_time_is_ordered_or_refused(shop: Shop, courier: DeliveryMethod) -> None:
    """Whichever comes first, nothing in between: no order without delivery, none at another price."""
    espresso = shop.product(price_minor=450)
    carts = [shop.cart(espresso) for _ in range(4)]
    shown = delivery.fingerprint(list(carts[0].items.all()), courier)

    def buying(number: int) -> Callable[[], str]:
        def click() -> str:
            try:
                return orders.place(carts[number], CUSTOMER, Wishes(courier.pk, shown))[0].delivery_name
            except CannotOrder as error:
                return type(error).__name__

        return click

    def switch_off() -> str:
        DeliveryMethod.objects.update(active=False)
        return "off"

    results = at_once(*(buying(number) for number in range(4)), switch_off)

    assert set(results) <= {"Courier", "DeliveryNotOffered", "off"}
    assert Order.objects.filter(delivery_name="Courier", total_minor=940).count() == results.count("Courier")
    assert Order.objects.count() == results.count("Courier")


# --- amounts ---------------------------------------------------------------------------------------------------------


def test_the_largest_amount_can_be_ordered_and_no_larger_one(shop: Shop, courier: DeliveryMethod) -> None:
    """Goods and delivery together fill what one payment holds, and not a cent more."""
    dear = shop.product(price_minor=LARGEST_MINOR - courier.price_minor)
    order, payment = orders.place(shop.cart(dear), CUSTOMER)
    assert str(order.total) == str(payment.amount) == "9999999999999.99 EUR"

    DeliveryMethod.objects.update(price_minor=491)
    with pytest.raises(TooMuch):
        orders.place(shop.cart(dear), CUSTOMER)

    assert (Order.objects.count(), shop.fresh(dear).stock) == (1, 9)


@pytest.mark.postgres_too
@pytest.mark.parametrize("price_minor", [-1, LARGEST_MINOR + 1])
def test_a_price_that_is_no_amount_is_not_kept(price_minor: int) -> None:
    """Not even by SQL."""
    with pytest.raises(IntegrityError), transaction.atomic():
        method(price_minor=price_minor)


@pytest.mark.postgres_too
def test_a_total_holds_its_delivery(shop: Shop) -> None:
    """An order that says otherwise is refused by the database."""
    order, _payment = shop.order()

    with pytest.raises(IntegrityError), transaction.atomic():
        Order.objects.filter(pk=order.pk).update(delivery_price_minor=order.total_minor + 1)


def test_two_currencies_make_no_sum() -> None:
    """Nor does anybody add them by mistake."""
    with pytest.raises(ValueError, match="EUR and RUB cannot be added"):
        Money(1, "EUR") + Money(1, "RUB")


def test_a_method_in_another_currency_cannot_be_asked_for(shop: Shop) -> None:
    """Also by somebody who has no form."""
    roubles = method(currency="RUB")

    with pytest.raises(DeliveryNotOffered):
        orders.place(shop.cart(shop.product()), CUSTOMER, Wishes(roubles.pk))


# --- told ------------------------------------------------------------------------------------------------------------


def paid_with(shop: Shop, chosen: DeliveryMethod, language: str = "en") -> Order:
    """An order that was delivered this way, and its mails."""
    customer = orders.Customer(CUSTOMER.email, CUSTOMER.name, CUSTOMER.address, language)
    order, payment = orders.place(shop.cart(shop.product(price_minor=450)), customer, Wishes(chosen.pk))
    payment = payments.introduce(payment)
    shop.buyer(payment, "pay")
    shop.sweep_now(payment)
    return shop.fresh(order)


def mail(order: Order, kind: Notification.Kind) -> Notification:
    """The one of this kind."""
    return order.notifications.get(kind=kind)


def test_everybody_is_told_how_it_goes(shop: Shop, client: Client, courier: DeliveryMethod) -> None:
    """The customer with its price, on the page, the receipt and by mail; the seller without."""
    order = paid_with(shop, courier)

    for address in ("order", "order-receipt"):
        page = with_mail(client, order).get(reverse(address, args=[order.public_id])).content.decode()
        assert "Delivery: <bdi>Courier</bdi>" in page
        assert page.count("€4.90") == 1
        assert "€9.40" in page
    confirmation = mail(order, Notification.Kind.ORDER_CONFIRMATION)
    assert "\nDelivery: Courier, €4.90\nTotal: €9.40\n" in confirmation.text
    assert '<bdi>Courier</bdi>, <strong style="white-space: nowrap">€4.90</strong>' in confirmation.html
    seller = mail(order, Notification.Kind.SELLER_NOTIFICATION)
    assert "\nDelivery: Courier\n" in seller.text
    assert "<bdi>Courier</bdi>" in seller.html
    assert "€" not in seller.text + seller.html


def test_what_is_free_is_called_free(shop: Shop, client: Client, pickup: DeliveryMethod) -> None:
    """In Russian too."""
    order = paid_with(shop, pickup, "ru")

    page = with_mail(client, order).get(reverse("order", args=[order.public_id]), headers=RUSSIAN).content.decode()
    assert "Доставка: <bdi>Самовывоз</bdi>" in page
    assert "бесплатно" in page
    assert (
        "\nДоставка: Самовывоз, бесплатно\nИтого: 4,50\xa0€\n" in mail(order, Notification.Kind.ORDER_CONFIRMATION).text
    )


def test_without_delivery_nobody_is_told_anything(shop: Shop, client: Client) -> None:
    """No empty line, no "Delivery: "."""
    order, payment = shop.order()
    shop.buyer(payment, "pay")
    shop.sweep_now(payment)

    for notice in order.notifications.all():
        assert "Delivery:" not in notice.text + notice.html
        assert "\n\n\n" not in notice.text


@pytest.mark.parametrize("name", ["توصيل", "משלוח", "O’Brien & <b>", "{{ 7 }}", "Д" * 100])
def test_names_of_all_kinds_are_shown_as_they_are(shop: Shop, client: Client, name: str) -> None:
    """Isolated, so that a name from right to left turns no price around, and escaped."""
    order = paid_with(shop, method(name))
    written = name.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")

    assert order.delivery_name == name
    with_mail(client, order)
    for address in ("order", "order-receipt"):
        assert f"<bdi>{written}</bdi>" in client.get(reverse(address, args=[order.public_id])).content.decode()
    assert f"Delivery: {name}, €4.90" in mail(order, Notification.Kind.ORDER_CONFIRMATION).text
    assert f"<bdi>{written}</bdi>" in mail(order, Notification.Kind.SELLER_NOTIFICATION).html


# --- kept by the shop ------------------------------------------------------------------------------------------------


def test_the_admin_page_of_an_order_says_how_it_goes(shop: Shop, admin_client: Client, courier: DeliveryMethod) -> None:
    """Name and price, not to be changed."""
    order = paid_with(shop, courier)

    page = admin_client.get(reverse("admin:commerce_order_change", args=[order.pk])).content.decode()

    assert "Courier, €4.90" in page
    assert 'name="delivery_name"' not in page


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"price_minor": "-1"}, "negative or too large"),
        ({"price_minor": str(10**15)}, "negative or too large"),
        ({"currency": "eur"}, "Three capital letters"),
        ({"name": ""}, "This field is required"),
    ],
    ids=str,
)
def test_a_method_that_makes_no_sense_is_not_saved(admin_client: Client, wrong: dict[str, str], sentence: str) -> None:
    """And the form says why."""
    facts = {"name": "Courier", "name_ru": "", "price_minor": "490", "currency": "EUR", "active": "on", "position": "1"}

    answer = admin_client.post(reverse("admin:commerce_deliverymethod_add"), facts | wrong)
    assert sentence in answer.content.decode()
    assert not DeliveryMethod.objects.exists()

    admin_client.post(reverse("admin:commerce_deliverymethod_add"), facts)
    assert DeliveryMethod.objects.get().price == Money(490, "EUR")


@pytest.mark.usefixtures("pickup")
def test_methods_are_switched_off_and_sorted_in_the_list(admin_client: Client, courier: DeliveryMethod) -> None:
    """Only what was changed there is written."""
    assert DeliveryMethodAdmin.list_editable == ("position", "active")
    page = reverse("admin:commerce_deliverymethod_changelist")
    rows = {f"form-{row}-id": pk for row, pk in enumerate(DeliveryMethod.objects.values_list("pk", flat=True))}
    sizes = {"form-TOTAL_FORMS": "2", "form-INITIAL_FORMS": "2", "_save": "Save"}

    admin_client.post(page, {**sizes, **rows, "form-0-position": "7", "form-1-position": "2", "form-1-active": "on"})

    assert list(DeliveryMethod.objects.values_list("name", "position", "active")) == [
        ("Pick up", 2, True),
        ("Courier", 7, False),
    ]


def test_the_demonstration_shop_delivers() -> None:
    """Once filled, the methods belong to the shop: a restart brings nothing back."""
    call_command("demoshop", "--quiet")
    assert [(each.name, each.price_minor) for each in DeliveryMethod.objects.all()] == [
        (method["name"], method["price_minor"]) for method in DEMO["delivery"]
    ]
    DeliveryMethod.objects.filter(price_minor=0).delete()
    DeliveryMethod.objects.update(name="Bicycle")

    call_command("demoshop", "--quiet")

    assert [each.name for each in DeliveryMethod.objects.all()] == ["Bicycle"]


# --- picked up: without an address -----------------------------------------------------------------------------------


def pick_up(visitor: Client, counter: DeliveryMethod, **more: str) -> Any:
    """Order at the counter, and send no address unless it is given."""
    typed = {name: text for name, text in FORM.items() if name != "address"}
    return visitor.post(reverse("checkout"), {**typed, **sent_by(checkout(visitor)), "delivery": counter.pk, **more})


@pytest.fixture
def counter(courier: DeliveryMethod) -> DeliveryMethod:
    """The second choice, and no address is needed for it."""
    return method("At the counter", 0, needs_address=False)


@pytest.mark.parametrize("more", [{}, {"address": ""}, {"address": "left from another choice"}, {"address": "x" * 501}])
def test_who_picks_up_is_asked_for_no_address(
    shop: Shop, buyer: Client, counter: DeliveryMethod, more: dict[str, str]
) -> None:
    """And none is written, not even one that a hidden field still had; no page and no mail has an empty line for it."""
    pick_up(buyer, counter, **more)

    assert ordered() == ("At the counter", "0.00 EUR", "4.50 EUR")
    order, payment = Order.objects.get(), Payment.objects.get()
    assert order.address == ""
    shop.buyer(payment, "pay")
    shop.sweep_now(payment)
    pages = [buyer.get(reverse(page, args=[order.public_id])).content.decode() for page in ("order", "order-receipt")]
    mails = list(order.notifications.all())
    assert {mail.kind for mail in mails} == {"order_confirmation", "seller_notification"}
    for text in (*pages, *(mail.text for mail in mails), *(mail.html for mail in mails)):
        assert "At the counter" in text
        assert "address" not in text.lower()


@pytest.mark.usefixtures("counter")
@pytest.mark.parametrize("address", [None, "", "  \r\n "])
def test_what_is_brought_needs_an_address(buyer: Client, courier: DeliveryMethod, address: str | None) -> None:
    """The server decides: the browser could not know which choice is made."""
    sent = {"delivery": courier.pk, **({} if address is None else {"address": address})}
    typed = {name: text for name, text in FORM.items() if name != "address"}

    answer = buyer.post(reverse("checkout"), {**typed, **sent_by(checkout(buyer)), **sent})

    assert (answer.status_code, Order.objects.count()) == (200, 0)
    assert answer.context["form"].errors == {"address": ["This field is required."]}


def test_without_a_choice_an_address_is_needed(buyer: Client) -> None:
    """A shop that offers no method sends what it sells."""
    answer = buyer.post(reverse("checkout"), {**FORM, "address": ""})

    assert answer.context["form"].errors == {"address": ["This field is required."]}


@pytest.mark.parametrize("needs", [True, False])
def test_a_browser_insists_on_an_address_only_if_every_choice_needs_one(
    buyer: Client, courier: DeliveryMethod, needs: bool
) -> None:
    """A hidden field that is required could not be sent."""
    method("Other", needs_address=needs)

    page = checkout(buyer)

    [field] = re.findall(r"<textarea[^>]*>", page)
    assert (" required" in field) == needs
    assert page.count("data-no-address") == (0 if needs else 1)
