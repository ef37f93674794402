"""The shop assistant's day: what a paid order offers, what the forms ask, and the sentences afterwards."""

from typing import Any

import pytest
from django.contrib.auth.models import User
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
from tests.shop import Shop, with_mail

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


def test_an_unpaid_order_has_nothing_to_refund(shop: Shop, sam: Client) -> None:
    """No button leads there, but an address may."""
    order, _ = shop.order()

    page = sam.get(reverse("admin:commerce_order_action", args=[order.pk, "refund"]))
    answer = act(sam, order, "refund", amount="1")

    assert (page.status_code, answer.status_code) == (200, 409)
    assert "This order is not paid." in answer.content.decode()
    assert not Refund.objects.exists()


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
    page = with_mail(sam, order).get(reverse("order", args=[order.public_id])).content.decode()
    assert 'data-status="sent"' in page
    assert "The order is on its way." in page
    assert "sam marked it as sent." in [entry.text for entry in timeline(order)]

    assert not orders.mark_sent(order.pk, "sam"), "once"
    assert orders.mark_delivered(order.pk, "sam")
    page = sam.get(reverse("order", args=[order.public_id])).content.decode()
    assert 'data-status="delivered"' in page


def test_the_orders_to_pack_are_one_click_away(shop: Shop, sam: Client) -> None:
    """Paid, and not sent or delivered. A sent one is called so in the list, and in the customer's account."""
    for status in (OrderStatus.AWAITING_PAYMENT, OrderStatus.CANCELED, OrderStatus.EXPIRED):
        reporting.order(status)
    (to_pack, _), (sent, _), (delivered, _) = shop.paid(), shop.paid(), shop.paid()
    orders.mark_sent(sent.pk, "sam")
    orders.mark_delivered(delivered.pk, "sam")
    sent = shop.fresh(sent)

    page = sam.get(reverse("admin:commerce_order_changelist"), {"work": "pack"})
    assert list(page.context["cl"].result_list) == [to_pack]
    page = sam.get(reverse("admin:commerce_order_changelist"), {"q": sent.number})
    assert '<td class="field-standing">sent<' in page.content.decode()

    Order.objects.filter(pk=sent.pk).update(customer=User.objects.get(username="sam"))
    assert '<span class="badge paid">sent</span>' in sam.get(reverse("account")).content.decode()


@pytest.mark.parametrize("status", ["awaiting_payment", "canceled", "expired"])
def test_only_a_paid_order_is_sent(shop: Shop, status: str) -> None:
    """Nothing changes."""
    order = reporting.order(OrderStatus(status))

    assert not orders.mark_sent(order.pk, "sam")
    assert not OrderEvent.objects.filter(kind="sent").exists()


def test_an_order_that_is_picked_up_is_not_sent(shop: Shop, sam: Client) -> None:
    """Its page would say that it is on its way to the customer."""
    order, _ = shop.paid()
    Order.objects.update(address="")

    assert "mark-sent" not in offered(sam, order)
    assert not orders.mark_sent(order.pk, "sam")
    assert orders.mark_delivered(order.pk, "sam")


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


def repeatable(shop: Shop, order: Order) -> list[str]:
    """The kinds of the order's mails that may be sent once more; all are sent by now."""
    order.notifications.update(status="sent", send_after=None)
    return [mail.kind for mail in queue.repeatable(shop.fresh(order))]


def test_a_seller_packs_nothing_twice(shop: Shop) -> None:
    """Neither goods that were sent, nor those of an order whose money is on its way back."""
    order, payment = shop.paid()
    shop.refund(payment, "1.25")
    assert "seller_notification" in repeatable(shop, order)
    shop.refund(payment)
    assert "seller_notification" not in repeatable(shop, order)

    other, _ = shop.paid()
    orders.mark_sent(other.pk, "sam")
    assert repeatable(shop, other) == ["order_confirmation"]


def test_a_refunded_order_is_not_called_valid_again(shop: Shop) -> None:
    """The mail about a part, sent before the rest went back, says that it is."""
    order, payment = shop.paid()
    for amount in ("1.25", ""):
        shop.refund(payment, amount)
        shop.sweep()

    assert repeatable(shop, order) == ["stop_packing", "money_back"]
    assert "valid" not in queue.repeatable(shop.fresh(order))[1].text


@pytest.mark.parametrize(("returned", "kinds"), [(False, ["payment_link"]), (True, [])])
def test_who_may_have_paid_is_not_asked_to_pay_again(shop: Shop, returned: bool, kinds: list[str]) -> None:
    """The mail offers what the page does."""
    order, payment = shop.order()
    queue.queue_payment_link(order, was_late=True)
    Payment.objects.filter(pk=payment.pk).update(returned_at=order.placed_at if returned else None)

    assert repeatable(shop, order) == kinds


def test_a_second_click_on_write_again_is_no_error(shop: Shop, sam: Client) -> None:
    """The mail is on its way already."""
    order, _ = shop.paid()
    mail = order.notifications.get(kind="order_confirmation")
    repeatable(shop, order)

    answers = [act(sam, order, "write-again", mail=str(mail.pk)) for _ in range(2)]

    assert said(answers[0]) == [f"The mail to {order.email} is being sent again."]
    assert said(answers[1]) == ["Mails that are being sent already, or whose text is not true any more: 1."]


# --- the number ------------------------------------------------------------------------------------------------------


def test_people_read_the_same_number_everywhere(shop: Shop, sam: Client) -> None:
    """Customer, seller, staff and provider."""
    order, payment = shop.paid()

    for name in ("order", "order-receipt"):
        page = with_mail(sam, order).get(reverse(name, args=[order.public_id])).content.decode()
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
