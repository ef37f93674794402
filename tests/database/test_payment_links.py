"""The mail that leads a customer back to an order that waits for the payment: when it comes, and that it comes once."""

from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from pytest_django.fixtures import Settings

from billing.models import Advice, Attention, Payment
from billing.payments import service as payments
from billing.states import Status
from commerce import orders, payment_links, settlement
from commerce.models import DeliveryMethod, Notification, Order
from tests.shop import CUSTOMER, Shop
from tests.threads import at_once

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite_is_enough]

AFTER_S = 600
HOUR_S = 3_600


def links(order: Order) -> list[Notification]:
    """Mails of this kind."""
    return list(order.notifications.filter(kind=Notification.Kind.PAYMENT_LINK))


def wait(order: Order, seconds: float) -> None:
    """As if the order had been placed longer ago, with its deadline."""
    gap = timedelta(seconds=seconds)
    moments = {name: F(name) - gap for name in ("placed_at", "pay_before", "expires_at")}
    Order.objects.filter(pk=order.pk).update(**moments)


@pytest.fixture
def waiting(shop: Shop) -> tuple[Order, Payment]:
    """An order that was not paid for long enough."""
    order, payment = shop.order(shop.product("espresso", price_minor=450), quantity=2)
    wait(order, AFTER_S)
    return order, payment


# --- the reminder ----------------------------------------------------------------------------------------------------


def test_who_has_not_paid_gets_one_mail_with_the_link_and_the_deadline(
    shop: Shop, waiting: tuple[Order, Payment], settings: Settings
) -> None:
    """In both parts, with what was ordered and its total; and never a second one."""
    settings.SHOP_URL = "https://shop.example.com"
    order, _payment = waiting

    assert payment_links.remind_due() == 1

    [mail] = links(order)
    until = date_format(timezone.localtime(shop.fresh(order).pay_before), "SHORT_DATETIME_FORMAT")
    for part in (mail.text, mail.html):
        for words in (
            f"https://shop.example.com{reverse('order', args=[order.public_id])}",
            until,
            "2 × ",
            "€9.00",
            "not paid yet",
            "If you have paid already",
        ):
            assert words in part, words
    assert (mail.recipient, mail.subject) == (
        order.email,
        f"Till Coffee: your order {order.number} waits for your payment, €9.00",
    )
    assert Notification.Kind.PAYMENT_LINK.held_if_uncertain is False
    assert payment_links.remind_due() == 0
    wait(order, 60)
    assert payment_links.remind_due() == 0


def test_the_mail_names_the_delivery_and_is_in_the_language_of_the_order(shop: Shop) -> None:
    """As the confirmation does."""
    courier = DeliveryMethod.objects.create(name="Courier", name_ru="Курьером", price_minor=490)
    customer = orders.Customer("anna@example.com", "Анна", "Москва", "ru")
    order, payment = orders.place(shop.cart(shop.product(price_minor=450)), customer, orders.Wishes(courier.pk))
    payments.introduce(payment)
    wait(order, AFTER_S)

    payment_links.remind_due()

    [mail] = links(order)
    assert "Доставка: Курьером, 4,90\xa0€\nИтого: 9,40\xa0€\n" in mail.text
    assert "ещё не оплачен" in mail.text
    assert "Курьером" in mail.html


@pytest.mark.parametrize(
    ("seconds", "mails"), [(AFTER_S - 5, 0), (AFTER_S, 1), (HOUR_S - 305, 1), (HOUR_S - 299, 0), (HOUR_S + 1, 0)]
)
def test_a_reminder_is_neither_early_nor_too_late_to_help(shop: Shop, seconds: float, mails: int) -> None:
    """It comes after PAYMENT_REMINDER_AFTER_S, and not in the last five minutes."""
    order, _payment = shop.order()
    wait(order, seconds)

    assert payment_links.remind_due() == len(links(order)) == mails


def test_a_shop_may_do_without_reminders(waiting: tuple[Order, Payment], settings: Settings) -> None:
    """0 means never, not at once."""
    settings.PAYMENT_REMINDER_AFTER_S = 0

    assert payment_links.remind_due() == 0
    assert links(waiting[0]) == []


@pytest.mark.parametrize(
    "facts",
    [
        {"cancel_asked_at": timezone.now()},
        {"returned_at": timezone.now()},
        {"working_since": timezone.now()},
        {"pay_url": ""},
        {"status": Status.AUTHORIZED},
        {"attention": Attention.MISMATCH},
        {"status": Status.FAILED, "ended_at": timezone.now(), "next_check_at": None},
    ],
    ids=lambda facts: next(iter(facts)),
)
def test_who_cannot_pay_now_or_may_have_paid_gets_none(waiting: tuple[Order, Payment], facts: dict[str, Any]) -> None:
    """Nobody is asked to pay twice, or to a page that is not there. Others get theirs in the same run."""
    order, payment = waiting
    Payment.objects.filter(pk=payment.pk).update(**facts)

    assert payment_links.remind_due() == 0
    assert links(order) == []


@pytest.mark.parametrize("ends", ["paid", "cancelled"])
def test_an_order_that_has_ended_gets_none(shop: Shop, waiting: tuple[Order, Payment], ends: str) -> None:
    """Whatever its end is."""
    _order, payment = waiting
    shop.buyer(payment, "pay" if ends == "paid" else "cancel")
    shop.sweep_now(payment)

    assert payment_links.remind_due() == 0


def test_a_declined_customer_reads_what_helps(waiting: tuple[Order, Payment]) -> None:
    """The same sentence as on the page."""
    order, payment = waiting
    Payment.objects.filter(pk=payment.pk).update(advice=Advice.OTHER)

    payment_links.remind_due()

    [mail] = links(order)
    assert "Please pay with another card" in mail.text
    assert "Please pay with another card" in mail.html


def test_all_are_reminded_however_many_wait(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also behind those who cannot be: they stay in the way of nobody."""
    monkeypatch.setattr(payment_links, "BATCH", 2)
    waiting = [shop.order(shop.product(f"product-{number}")) for number in range(5)]
    for order, _payment in waiting:
        wait(order, AFTER_S)
    Payment.objects.filter(pk__in=[payment.pk for _order, payment in waiting[:3]]).update(pay_url="")

    assert payment_links.remind_due() == 2
    assert [len(links(order)) for order, _payment in waiting] == [0, 0, 0, 1, 1]


@pytest.mark.postgres_too
@pytest.mark.django_db(transaction=True)
def test_runs_at_the_same_time_write_one_mail(shop: Shop) -> None:
    """Any number of schedulers and workers may run."""
    orders_waiting = [shop.order(shop.product(f"product-{number}"))[0] for number in range(3)]
    for order in orders_waiting:
        wait(order, AFTER_S)

    at_once(*[payment_links.remind_due] * 4)

    assert [len(links(order)) for order in orders_waiting] == [1, 1, 1]


# --- a page that became known late -----------------------------------------------------------------------------------


def late(shop: Shop) -> tuple[Order, Payment]:
    """An order whose payment the provider did not know when the customer left."""
    shop.sandbox.outage("status_500", 600)
    order, payment = orders.place(shop.cart(), CUSTOMER)
    payment = payments.introduce(payment)
    shop.sandbox.end_outage()
    assert payment.pay_url == ""
    return order, payment


def test_a_page_that_comes_late_is_told_by_mail_at_once(shop: Shop) -> None:
    """The customer was promised it, and need not wait at the order page."""
    order, payment = late(shop)
    assert links(order) == []

    shop.look(payment)
    settlement.settle_due()

    [mail] = links(order)
    assert "the payment page for your order is available now" in mail.text
    assert reverse("order", args=[order.public_id]) in mail.text


def test_a_late_page_and_the_reminder_are_one_mail(shop: Shop) -> None:
    """Whichever comes first; also when the event is settled again."""
    order, payment = late(shop)
    shop.look(payment)
    settlement.settle_due()
    wait(order, AFTER_S)
    assert payment_links.remind_due() == 0
    payment.events.update(settle_after=timezone.now())
    settlement.settle_due()

    assert len(links(order)) == 1


def test_a_corrected_address_gets_no_second_mail(shop: Shop, waiting: tuple[Order, Payment]) -> None:
    """The order had one."""
    order, _payment = waiting
    payment_links.remind_due()
    Order.objects.filter(pk=order.pk).update(email="other@example.com")

    assert payment_links.remind_due() == 0


def test_a_customer_who_was_sent_to_the_page_gets_no_mail_about_it(shop: Shop) -> None:
    """The checkout itself knew it."""
    order, _payment = shop.order()

    settlement.settle_due()

    assert links(order) == []


@pytest.mark.parametrize("then", ["paid", "cancelled", "over"])
def test_a_late_page_that_need_not_be_paid_any_more_is_not_told(shop: Shop, then: str) -> None:
    """Between the provider's answer and its settlement the order may have moved on."""
    order, payment = late(shop)
    payment = shop.look(payment)
    if then == "paid":
        shop.buyer(payment, "pay")
        shop.look(payment)
    elif then == "cancelled":
        orders.cancel(order.public_id)
    else:
        wait(order, HOUR_S + 1)

    settlement.settle_due()

    assert links(order) == []
