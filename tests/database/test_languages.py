"""Each reader has their own language: names, prices, dates and sentences are in it, in mails and on pages."""

import re
from datetime import timedelta
from html import unescape

import pytest
from django.contrib.auth.models import User
from django.db.models import Model
from django.test import Client
from django.urls import reverse
from django.utils import translation
from django.utils.html import strip_tags
from pytest_django import Settings

from billing.models import Dispute, Payment, Refund
from billing.payments import service as payments
from commerce import orders, payment_links
from commerce.accounts import mails as account_mails
from commerce.models import DailyReport, DeliveryMethod, Notification, Order, OrderLine, Product
from commerce.orders import Customer, Wishes
from commerce.reports import service as reports
from commerce.reviews import service as reviews
from config.due.queue import database_now
from tests import backstage, reporting
from tests.shop import Shop, with_mail

pytestmark = pytest.mark.sqlite_is_enough

Kind = Notification.Kind
CONSOLE = "/admin/console/"
OTHER = {"en": "ru", "ru": "en"}
PEOPLE = {"en": ("Ann", "1 Main Street"), "ru": ("Анна", "Тверская, 1")}
NAMES_OF_ALL_LANGUAGES = r"https?://\S+|Till Coffee|UTC"
FOREIGN = {"en": "[а-яё]", "ru": "[a-z]"}


def ordered(shop: Shop, language: str) -> tuple[Order, Payment]:
    """Goods and delivery with names in both languages; the seller and the process have the other language."""
    seller = shop.seller("roastery", name=PEOPLE[OTHER[language]][0], language=OTHER[language])
    goods = shop.product(price_minor=123_450, seller=seller)
    Product.objects.update(name_ru="Эспрессо")
    courier = DeliveryMethod.objects.create(name="Courier", name_ru="Курьером", price_minor=490)
    name, address = PEOPLE[language]
    with translation.override(OTHER[language]):
        customer = Customer("ann@example.com", name, address, language)
        order, payment = orders.place(shop.cart(goods), customer, Wishes(courier.pk))
        return order, payments.introduce(payment)


def every_mail(shop: Shop, settings: Settings, language: str) -> list[Notification]:
    """One life of an order writes every kind: not paid, paid, delivered, reported, refunded in two parts."""
    settings.REPORT_RECIPIENTS, settings.REPORT_LANGUAGE = ["boss@example.com"], language
    settings.PAYMENT_REMINDER_AFTER_S = 60
    order, payment = ordered(shop, language)
    with translation.override(OTHER[language]):
        Order.objects.update(placed_at=database_now() - timedelta(minutes=2))
        payment_links.remind_due()
        shop.buyer(payment, "pay")
        shop.sweep_now(payment)
        orders.mark_delivered(order.pk, "sam")
        Order.objects.update(delivered_at=database_now() - timedelta(days=settings.REVIEW_REQUEST_AFTER_DAYS))
        reviews.request_due(60)
        noon = reporting.noon(day := reporting.yesterday())
        Order.objects.update(status="paid", delivered_at=None, placed_at=noon, ended_at=noon)
        reports.rebuild(day)
        shop.refund(payment, "1.00")
        shop.sweep()
        shop.refund(payment)
        shop.sweep()
        account_mails.send_link("new@example.com", language)
    return list(Notification.objects.order_by("pk"))


def reader_of(mail: Notification, language: str) -> str:
    """Of a mail of `every_mail`."""
    return OTHER[language] if mail.kind in (Kind.SELLER_NOTIFICATION, Kind.STOP_PACKING) else language


@pytest.mark.parametrize("language", ["en", "ru"])
def test_every_mail_is_in_its_readers_language(shop: Shop, settings: Settings, language: str) -> None:
    """Without a word of the other one: subject, sentences, goods, delivery, prices, times. People keep their names."""
    mails = every_mail(shop, settings, language)

    assert {mail.kind for mail in mails} == set(Kind)
    for mail in mails:
        reader = reader_of(mail, language)
        about = (mail.order.public_id, mail.order.name, mail.order.address) if mail.order else ()
        alien = "|".join([NAMES_OF_ALL_LANGUAGES, *map(re.escape, about), re.escape(mail.recipient_name or "–")])
        for part in (mail.subject, mail.text, unescape(strip_tags(mail.html))):
            words = re.sub(alien, " ", part)
            assert not re.search(FOREIGN[reader], words, re.IGNORECASE), (mail.kind, words)
            assert re.search(FOREIGN[OTHER[reader]], words, re.IGNORECASE), (mail.kind, words)
            assert not re.search(r"[{}]|%[(s]|\d{4}-\d\d-\d\d", words), (mail.kind, words)
        assert f'<html lang="{reader}">' in mail.html


@pytest.mark.parametrize(
    ("language", "total", "back"),
    [("en", "€1,239.40", "€1.00"), ("ru", "1\xa0239,40\xa0€", "1,00\xa0€")],
)
def test_mails_write_prices_as_their_language_does(
    shop: Shop, settings: Settings, language: str, total: str, back: str
) -> None:
    """In subject, text and HTML; a header has no special spaces."""
    mails = {mail.kind: mail for mail in every_mail(shop, settings, language)[::-1]}

    for kind, amount in ((Kind.PAYMENT_LINK, total), (Kind.ORDER_CONFIRMATION, total), (Kind.MONEY_BACK, back)):
        assert mails[kind].subject.endswith(amount.replace("\xa0", " ")) or kind == Kind.MONEY_BACK
        assert amount in mails[kind].text
        assert amount in mails[kind].html
    assert total in mails[Kind.REPORT].text
    assert total in mails[Kind.REPORT].html


@pytest.mark.parametrize("language", ["en", "ru"])
@pytest.mark.parametrize("reader", ["en", "ru"])
def test_an_orders_pages_follow_their_reader(
    shop: Shop, client: Client, admin_client: Client, language: str, reader: str
) -> None:
    """Not the customer's language when it was placed: on the page, the receipt, and the page for staff."""
    order, payment = ordered(shop, language)
    shop.buyer(payment, "pay")
    shop.sweep_now(payment)
    goods, how = {"en": ("Espresso", "Courier"), "ru": ("Эспрессо", "Курьером")}[reader]
    price, total = {"en": ("€4.90", "€1,239.40"), "ru": ("4,90\xa0€", "1\xa0239,40\xa0€")}[reader]

    for visitor, address in (
        (with_mail(client, order), reverse("order", args=[order.public_id])),
        (client, reverse("order-receipt", args=[order.public_id])),
        (admin_client, reverse("admin:commerce_order_change", args=[order.pk])),
    ):
        page = visitor.get(address, headers={"accept-language": reader}).content.decode()
        for words in (goods, how, price, total):
            assert words in page, (address, words)
        for words in {"Espresso", "Эспрессо", "Courier", "Курьером"} - {goods, how}:
            assert words not in page, (address, words)


@pytest.mark.parametrize("reader", ["en", "ru"])
def test_an_order_from_before_both_names_were_kept_shows_the_one_it_has(
    shop: Shop, client: Client, reader: str
) -> None:
    """An older release may still write some during an update."""
    order, _payment = ordered(shop, "ru")
    Order.objects.update(delivery_name="Курьером", delivery_name_ru="")
    OrderLine.objects.update(name="Эспрессо", name_ru="")

    with_mail(client, order)
    page = client.get(reverse("order", args=[order.public_id]), headers={"accept-language": reader}).content.decode()

    assert "Эспрессо" in page
    assert "<bdi>Курьером</bdi>" in page


def test_an_order_keeps_the_names_it_was_placed_with(shop: Shop) -> None:
    """In both languages, whatever they are called now."""
    order, _payment = ordered(shop, "ru")
    Product.objects.update(name="Lungo", name_ru="Лунго")
    DeliveryMethod.objects.all().delete()

    for language, names in (("en", ["Espresso", "Courier"]), ("ru", ["Эспрессо", "Курьером"])):
        with translation.override(language):
            assert [order.lines.get().title, shop.fresh(order).delivery_title] == names


def test_a_report_names_products_in_the_readers_language(admin_client: Client) -> None:
    """Those of reports from before both names were kept have one name."""
    goods = reporting.product()
    Product.objects.update(name_ru="Эспрессо")
    reporting.order(of=goods)
    OrderLine.objects.update(name_ru="Эспрессо")
    report = reports.build(reporting.DAY)
    address = reverse("report", args=[report.day])

    for language, name in (("en", "Espresso"), ("ru", "Эспрессо")):
        page = admin_client.get(address, headers={"accept-language": language}).content.decode()
        assert f"<span>{name}</span>" in page
    del report.numbers["products"][0]["name_ru"]
    DailyReport.objects.update(numbers=report.numbers)
    page = admin_client.get(address, headers={"accept-language": "ru"}).content.decode()
    assert "<span>Espresso</span>" in page


@pytest.mark.parametrize("model", [Payment, Refund, Dispute, Order, Product, DeliveryMethod], ids=lambda m: m.__name__)
def test_staff_read_amounts_in_their_language(admin_client: Client, model: type[Model]) -> None:
    """In the list and on the page of each row that has one."""
    row = backstage.make(model, 1)
    name = "total" if model is Order else "price" if model in (Product, DeliveryMethod) else "amount"
    pages = [reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_changelist")]
    if name != "price":  # that is typed
        pages.append(reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk]))

    for language in ("en", "ru"):
        with translation.override(language):
            amount = getattr(row, name).localized()
        for address in pages:
            page = admin_client.get(address, headers={"accept-language": language}).content.decode()
            assert amount in page, address


def test_the_history_of_actions_is_in_its_readers_language(shop: Shop, client: Client) -> None:
    """Whatever the language of the one who acted: on the history page of a row, and on the console's first page."""
    order, _ = shop.paid()
    client.force_login(User.objects.create(username="boss", is_staff=True, is_superuser=True))
    client.cookies["django_language"] = "ru"
    client.post(reverse("admin:commerce_order_action", args=[order.pk, "mark-sent"]), {"confirmed": "yes"})

    for language, done in {"ru": "Отмечено отправленными заказов.", "en": "Orders marked as sent."}.items():
        client.cookies["django_language"] = language
        for page in (reverse("admin:commerce_order_history", args=[order.pk]), CONSOLE):
            assert done in client.get(page).content.decode()
