"""The shop assistant's day: what a paid order offers, what the forms ask, and the sentences afterwards."""

from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from billing.actions import AmountField
from billing.models import Payment, Refund
from billing.money import Money
from commerce import orders
from commerce.mail import queue, sending
from commerce.models import Notification, Order, OrderEvent, OrderStatus
from commerce.timeline import timeline
from tests import backstage, reporting
from tests.people import logged_in
from tests.shop import Shop

pytestmark = pytest.mark.sqlite_is_enough

ALL = ("view_order", "change_order", "add_refund", "change_notification")


@pytest.fixture
def sam(client: Client) -> Client:
    """Who may do everything that is tried here."""
    return logged_in(client, *ALL)


def offered(client: Client, order: Order) -> set[str]:
    """The buttons on the order's page."""
    page = client.get(reverse("admin:commerce_order_change", args=[order.pk]))
    return {offer.name for offer in page.context["offers"]}


def act(client: Client, order: Order, name: str, **answers: str) -> Any:
    """Send the form of an action, and follow to the page that comes."""
    answers = {"confirmed": "yes", "why": "cold coffee", "key": "f" * 32} | answers
    return client.post(reverse("admin:commerce_order_action", args=[order.pk, name]), answers, follow=True)


def in_stock(order: Order) -> int:
    """Of the goods of its first line."""
    return order.lines.select_related("product")[0].product.stock


def said(answer: Any) -> list[str]:
    return [str(message) for message in answer.context["messages"]]


# --- what is offered -------------------------------------------------------------------------------------------------


def test_a_paid_order_offers_what_one_does_with_it(shop: Shop, sam: Client) -> None:
    """Each state offers its own, and nothing that makes no sense."""
    order, _ = shop.paid()
    backstage.mail(order)
    assert offered(sam, order) == {"refund", "mark-sent", "mark-delivered", "cancel-paid", "write-again"}

    orders.mark_sent(order.pk, "sam")
    assert offered(sam, order) == {"refund", "mark-delivered", "cancel-paid", "write-again"}

    orders.mark_delivered(order.pk, "sam")
    assert "cancel-paid" not in offered(sam, order)
    assert "refund" in offered(sam, order)


def test_a_refunded_order_has_nothing_left_to_give(shop: Shop, sam: Client) -> None:
    """Also while the refund is on its way."""
    order, payment = shop.paid()
    shop.refund(payment)

    assert not {"refund", "cancel-paid"} & offered(sam, order)


@pytest.mark.parametrize("missing", ["add_refund", "change_order", "change_notification"])
def test_only_what_one_may_do_is_offered(client: Client, missing: str) -> None:
    """A refund needs the permission to refund, as on the payment's page."""
    needs = {
        "refund": {"add_refund"},
        "cancel-paid": {"add_refund", "change_order"},
        "mark-sent": {"change_order"},
        "mark-delivered": {"change_order"},
        "write-again": {"change_notification"},
    }
    order = reporting.order()
    backstage.mail(order)

    shown = offered(logged_in(client, *(set(ALL) - {missing})), order)

    assert shown == {name for name, permissions in needs.items() if missing not in permissions}


# --- refunds ---------------------------------------------------------------------------------------------------------


def test_the_refund_form_knows_what_is_left(shop: Shop, sam: Client) -> None:
    """The sum is filled in, and stands beside its currency."""
    order, payment = shop.paid()
    shop.refund(payment, "1.25")

    page = sam.get(reverse("admin:commerce_order_action", args=[order.pk, "refund"])).content.decode()

    assert 'value="3.25"' in page
    assert "Left: €3.25" in page
    assert "> EUR" in page


@pytest.mark.parametrize("amount", ["4.50", "4,50", " 4,5 "])
def test_a_refund_ends_with_a_sentence(shop: Shop, sam: Client, amount: str) -> None:
    """It says how much goes to whom, and that it has started: the provider answers later."""
    order, payment = shop.paid()

    answer = act(sam, order, "refund", amount=amount)

    assert said(answer) == [
        f"A refund of €4.50 to {order.name} has started. A mail tells the customer when it is done."
    ]
    refund = Refund.objects.get()
    assert (refund.payment, refund.amount, refund.why, refund.wanted_by) == (
        payment,
        Money(450, "EUR"),
        "cold coffee",
        "sam",
    )

    shop.sweep()
    assert shop.fresh(order).status == OrderStatus.REFUNDED
    assert said(act(sam, order, "refund", amount=amount)) == [f"€4.50 went back to {order.name}."]
    assert Refund.objects.count() == 1


@pytest.mark.parametrize(
    ("amount", "sentence"),
    [
        ("", "This field is required."),
        ("0", "An amount above 0."),
        ("-1", "An amount above 0."),
        ("4.51", "At most €4.50 can be refunded, not €4.51."),
        ("four", "Please write an amount in EUR, like 12.50."),
        ("4.505", "Please write an amount in EUR, like 12.50."),
        ("4,5,0", "Please write an amount in EUR, like 12.50."),
    ],
)
def test_a_wrong_amount_refunds_nothing(shop: Shop, sam: Client, amount: str, sentence: str) -> None:
    """The page comes again with a sentence."""
    order, _ = shop.paid()

    answer = act(sam, order, "refund", amount=amount)

    assert sentence in answer.content.decode()
    assert not Refund.objects.exists()


@pytest.mark.parametrize(
    ("written", "currency", "minor"),
    [
        ("1234.50", "EUR", 123450),
        ("1 234,50", "EUR", 123450),
        ("1\u00a0234,50", "EUR", 123450),
        ("12\u202f345\u202f678.9", "EUR", 1234567890),
        ("1 234", "JPY", 1234),
        ("1,234", "KWD", 1234),
        ("12 34", "EUR", None),
        ("1 2345", "EUR", None),
        ("1.234,50", "EUR", None),
        ("1,234.50", "EUR", None),
        ("١٢", "EUR", None),
        ("1e3", "EUR", None),
    ],
)
def test_amounts_are_read_as_people_write_them(written: str, currency: str, minor: int | None) -> None:
    """What could mean two amounts is not guessed."""
    if minor is None:
        with pytest.raises(ValidationError):
            AmountField(currency).clean(written)
    else:
        assert AmountField(currency).clean(written) == Money(minor, currency)


def test_the_payments_page_refunds_as_before(shop: Shop, client: Client) -> None:
    """By the same form and service; billing does not know who paid."""
    _, payment = shop.paid()
    logged_in(client, "view_payment", "add_refund")

    at = reverse("admin:billing_payment_action", args=[payment.pk, "refund"])
    answer = client.post(at, {"why": "cold", "key": "f" * 32, "amount": "1,25"}, follow=True)

    assert said(answer) == ["A refund of €1.25 has started. Its outcome appears here."]
    assert shop.fresh(payment).left == Money(325, "EUR")


# --- cancelling a paid order -----------------------------------------------------------------------------------------


def test_a_paid_order_is_cancelled_by_a_refund_of_all_that_is_left(shop: Shop, sam: Client) -> None:
    """A part went back before; the goods are back in stock, and two clicks are one."""
    order, payment = shop.paid()
    stock = in_stock(order)
    shop.refund(payment, "1.25")
    shop.sweep()
    for _ in range(2):
        answer = act(sam, order, "cancel-paid")
        assert said(answer)[0].startswith(f"A refund of €3.25 to {order.name} has started.")

    shop.sweep()

    assert shop.fresh(order).status == OrderStatus.REFUNDED
    assert in_stock(order) == stock + 1
    assert Refund.objects.count() == 2


def test_a_delivered_order_is_not_cancelled(shop: Shop, sam: Client) -> None:
    """It was delivered after the page was opened."""
    order, _ = shop.paid()
    orders.mark_delivered(order.pk, "boris")

    answer = act(sam, order, "cancel-paid")

    assert "delivered or refunded already" in answer.content.decode()
    assert not Refund.objects.exists()


# --- sent ------------------------------------------------------------------------------------------------------------


def test_a_sent_order_is_on_its_way(shop: Shop, sam: Client) -> None:
    """It stays paid; its page and its story say so, to customer and staff."""
    order, _ = shop.paid()

    answer = act(sam, order, "mark-sent")

    assert said(answer) == [f"Order {order.number} of {order.name} is marked as sent; the customer's page says so."]
    order = shop.fresh(order)
    assert (order.status, order.sent_at is not None) == (OrderStatus.PAID, True)
    page = sam.get(reverse("order", args=[order.public_id])).content.decode()
    assert 'data-status="sent"' in page
    assert "The order is on its way." in page
    assert "sam marked it as sent." in [entry.text for entry in timeline(order)]

    assert not orders.mark_sent(order.pk, "sam"), "once"
    assert orders.mark_delivered(order.pk, "sam")
    page = sam.get(reverse("order", args=[order.public_id])).content.decode()
    assert 'data-status="delivered"' in page


@pytest.mark.parametrize("status", ["awaiting_payment", "canceled", "expired"])
def test_only_a_paid_order_is_sent(shop: Shop, status: str) -> None:
    """Nothing changes."""
    order = reporting.order(OrderStatus(status))

    assert not orders.mark_sent(order.pk, "sam")
    assert not OrderEvent.objects.filter(kind="sent").exists()


def test_goods_that_were_sent_do_not_come_back_by_themselves(shop: Shop) -> None:
    """A refund ends the order; a person must see whether its goods return."""
    order, payment = shop.paid()
    orders.mark_sent(order.pk, "sam")
    stock = in_stock(order)
    shop.refund(payment)

    shop.sweep()

    assert shop.fresh(order).status == OrderStatus.REFUNDED
    assert in_stock(order) == stock
    assert not Notification.objects.filter(kind="stop_packing").exists()


# --- mails -----------------------------------------------------------------------------------------------------------


def test_a_mail_is_sent_once_more(shop: Shop, sam: Client, settings: Settings, mailoutbox: list[Any]) -> None:
    """The same one, to the same address."""
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    order, _ = shop.paid()
    sending.send_due(100)
    mail = order.notifications.get(kind="order_confirmation")
    before = len(mailoutbox)
    page = sam.get(reverse("admin:commerce_order_action", args=[order.pk, "write-again"])).content.decode()
    assert mail.subject in page

    answer = act(sam, order, "write-again", mail=str(mail.pk))
    assert said(answer) == [f"The mail to {order.email} is being sent again."]
    sending.send_due(100)

    assert [sent.extra_headers["Message-ID"] for sent in mailoutbox[before:]] == [mail.message_id]
    assert shop.fresh(mail).status == "sent"


def test_only_mails_that_are_still_true_are_sent_again(shop: Shop) -> None:
    """No seller packs a refunded order, and nobody is asked to pay a paid one. One that is queued is not sent twice."""
    order = reporting.order()
    kinds = ("payment_link", "order_confirmation", "seller_notification", "review_reminder", "money_back")
    for kind in kinds:
        mail = backstage.mail(order, f"{kind}@example.com")
        Notification.objects.filter(pk=mail.pk).update(kind=kind)

    assert {mail.kind for mail in queue.repeatable(order)} == {
        "order_confirmation",
        "seller_notification",
        "money_back",
    }
    chosen = order.notifications.get(kind="payment_link")
    assert queue.repeat(order.pk, chosen.pk) is None
    other = backstage.mail(reporting.order())
    assert queue.repeat(order.pk, other.pk) is None
    again = order.notifications.get(kind="money_back")
    assert queue.repeat(order.pk, again.pk)
    assert queue.repeat(order.pk, again.pk) is None


# --- the number ------------------------------------------------------------------------------------------------------


def test_people_read_the_same_number_everywhere(shop: Shop, sam: Client) -> None:
    """Customer, seller, staff and provider."""
    order, payment = shop.paid()

    for name in ("order", "order-receipt"):
        page = sam.get(reverse(name, args=[order.public_id])).content.decode()
        assert order.number in page
        assert f">{order.public_id}<" not in page
    for mail in order.notifications.all():
        assert order.number in mail.subject
        assert order.number in mail.text
        assert order.number in mail.html
    assert Payment.objects.get(pk=payment.pk).description == f"Order {order.number}"
    assert str(order) == f"order {order.number} (paid)"
    listed = sam.get(reverse("admin:commerce_order_changelist")).content.decode()
    assert order.number in listed
    assert order.public_id not in listed
