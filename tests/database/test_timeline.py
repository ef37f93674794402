"""The story of an order, in sentences for people; and what the shop's people do with an order."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import translation
from pytest_django import Settings

from billing.payments import service as payments
from commerce import orders
from commerce.models import Notification, Order, OrderStatus
from commerce.timeline import for_customer, timeline
from tests.people import logged_in
from tests.shop import Shop

pytestmark = pytest.mark.sqlite_is_enough


@pytest.fixture(autouse=True)
def _mails_to_memory(settings: Settings) -> None:
    """Nobody is written to."""
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"


@pytest.fixture
def sam(client: Client) -> Client:
    """Somebody of the shop, logged in."""
    return logged_in(client, "view_order", "change_order")


def story(order: Order, *, customers: bool = False) -> list[str]:
    """The sentences, oldest first. What the customer sees is always a part of the whole story."""
    order.refresh_from_db()
    told = for_customer(order)
    assert told == [entry for entry in timeline(order) if entry.for_customer]
    return [entry.text for entry in (told if customers else timeline(order))]


def paid_order(shop: Shop) -> Order:
    """Paid, and found out by a callback that came twice."""
    order, payment = shop.order()
    shop.buyer(payment, "pay")
    for _ in range(2):
        shop.receive(payment)
    shop.sweep()
    return order


# --- stories ---------------------------------------------------------------------------------------------------------


def test_the_story_of_an_order_that_went_well(shop: Shop) -> None:
    """From the first click to the customer's door."""
    order = paid_order(shop)
    orders.mark_delivered(order.pk, "sam")

    assert story(order) == [
        "The order was placed, and its goods were reserved.",
        "A payment of €4.50 was begun.",
        "The payment provider is ready for the customer to pay.",
        "The provider called us about the payment. (It said so 2 times.)",
        "The money has arrived. (Seen after the provider called us.)",
        "The order is paid, and can be packed.",
        "A mail to ann@example.com was written.",
        "A mail to roastery@sellers.example.com was written.",
        "The mail to ann@example.com was sent.",
        "The mail to roastery@sellers.example.com was sent.",
        "The order was delivered.",
        "sam marked it delivered.",
    ]
    assert story(order, customers=True) == [
        "The order was placed, and its goods were reserved.",
        "The order is paid, and can be packed.",
        "The mail to ann@example.com was sent.",
        "The order was delivered.",
    ]


def test_the_story_of_an_order_that_was_cancelled(shop: Shop) -> None:
    """Who wanted it, and what came of it."""
    order, _ = shop.order()
    orders.cancel(order.public_id)
    shop.sweep()

    assert story(order)[-3:] == [
        "Cancellation was requested.",
        "The payment was canceled. (Because the customer canceled it.)",
        "The order was cancelled; the goods are back on the shelf.",
    ]


def test_the_story_of_an_order_that_expired(shop: Shop) -> None:
    """Nobody paid."""
    order, payment = shop.order()
    shop.buyer(payment, "decline")
    shop.sweep_now(payment)
    shop.let_time_pass(3_700)
    shop.sweep()

    assert "The order was not paid in time; the goods are back on the shelf." in story(order, customers=True)
    assert any(line.startswith("The payment did not go through.") for line in story(order, customers=True))


@pytest.mark.parametrize("end", ["canceled", "expired"])
def test_the_story_of_late_money_remembers_how_the_order_had_ended(shop: Shop, end: str) -> None:
    """The order itself only knows that it is paid; whoever was told that it is over may ask."""
    order, payment = shop.order()
    if end == "expired":
        shop.let_time_pass(3_700)
    else:
        orders.cancel(order.public_id)
    shop.sweep()
    shop.sandbox.force(payment.provider_ref, "succeeded")
    shop.receive(payment)
    shop.sweep()

    lines = story(order, customers=True)

    over = "The order was cancelled" if end == "canceled" else "The order was not paid in time"
    assert [line.partition(";")[0] for line in lines].count(over) == 1
    assert "The order is paid, and can be packed." in lines
    assert order.status == OrderStatus.PAID


def test_the_story_of_a_case_for_a_person(shop: Shop) -> None:
    """It is said once, stays after the note was cleared, and is not for the customer."""
    espresso = shop.product(stock=1)
    order, payment = shop.order(espresso)
    shop.buyer(payment, "cancel")
    shop.sweep_now(payment)
    shop.order(espresso)
    shop.sandbox.force(payment.provider_ref, "succeeded")
    shop.receive(payment)
    shop.sweep()
    Order.objects.update(attention_note="")

    (line,) = [line for line in story(order) if line.startswith("A person must look")]
    assert "late payment" in line
    assert line not in story(order, customers=True)


def test_the_story_of_a_payment_that_needs_a_person(shop: Shop) -> None:
    """In the provider's favour or ours: the amounts differ."""
    order, payment = shop.order()
    shop.sandbox.fault("status", "wrong_amount")
    shop.look(payment)

    assert any(line.startswith("The payment needs an operator: the provider has") for line in story(order))


@pytest.mark.parametrize("sent_before", [False, True])
def test_the_story_of_a_mail_that_nobody_takes(shop: Shop, sent_before: bool) -> None:
    """The assistant sees why the customer has heard nothing, also of a mail that was written again."""
    order = paid_order(shop)
    facts: dict[str, Any] = {} if sent_before else {"sent_at": None}
    Notification.objects.update(status="given_up", error="recipient refused [550]", **facts)

    assert "The mail to ann@example.com could not be sent: recipient refused [550]." in story(order)


@pytest.mark.parametrize("repeats", [1, 12])
def test_the_number_of_queries_does_not_grow_with_the_story(shop: Shop, repeats: int) -> None:
    """Seven, for one payment and for a dozen; three of them for the customer."""
    order, payment = shop.order()
    for _ in range(repeats):
        shop.buyer(payment, "decline")
        shop.sweep_now(payment)
        again = orders.pay_again(order.public_id)
        assert again is not None
        payment = payments.introduce(again)

    with CaptureQueriesContext(connection) as queries:
        assert len(timeline(order)) > 3 * repeats

    assert len(queries) == 7
    with CaptureQueriesContext(connection) as queries:
        assert len(for_customer(order)) > repeats
    assert len(queries) == 3


def test_the_story_is_told_in_russian(shop: Shop) -> None:
    """Every sentence of it."""
    order = paid_order(shop)
    orders.mark_delivered(order.pk, "sam")

    with translation.override("ru"):
        lines = story(order)

    assert lines[0] == "Заказ оформлен, товары зарезервированы."
    assert all(any("а" <= letter <= "я" for letter in line) for line in lines)


# --- the shop's people -----------------------------------------------------------------------------------------------


def mark(sam: Client, *chosen: Order, **more: str) -> Any:
    """The action, on the orders that were ticked."""
    fields = {"action": "mark-delivered", "_selected_action": [order.pk for order in chosen], **more}
    return sam.post(reverse("admin:commerce_order_changelist"), fields)


def test_the_page_of_the_order_tells_its_story(shop: Shop, sam: Client) -> None:
    """Read-only, escaped, with everything that has happened."""
    order = paid_order(shop)
    Notification.objects.update(recipient="<b>ann</b>@example.com")

    page = sam.get(reverse("admin:commerce_order_change", args=[order.pk])).content.decode()

    assert "The money has arrived. (Seen after the provider called us.)" in page
    assert "&lt;b&gt;ann&lt;/b&gt;@example.com was sent" in page


def test_marking_asks_once_more(shop: Shop, sam: Client) -> None:
    """Nothing is written before the second click; the page says what it will do and what not."""
    paid, (waiting, _) = paid_order(shop), shop.order()

    page = mark(sam, paid, waiting).content.decode()

    assert "This cannot be undone" in page
    assert paid.number in page
    assert f"{waiting.number}: awaiting payment" in page
    assert shop.fresh(paid).status == OrderStatus.PAID

    mark(sam, paid, waiting, confirmed="yes")

    assert (shop.fresh(paid).status, shop.fresh(waiting).status) == ("delivered", "awaiting_payment")
    assert [event.by for event in paid.events.all()] == ["sam"]


def test_marking_twice_changes_nothing(shop: Shop, sam: Client) -> None:
    """The page was old: it says so."""
    order = paid_order(shop)
    mark(sam, order, confirmed="yes")

    answer = mark(sam, order, confirmed="yes")

    page = sam.get(answer["Location"]).content.decode()
    assert "Orders that are not paid, or delivered already: 1." in page
    assert order.events.count() == 1


def test_who_may_only_look_marks_nothing(shop: Shop, client: Client) -> None:
    """The action is not there for them."""
    order = paid_order(shop)
    logged_in(client, "view_order", name="visitor")

    mark(client, order, confirmed="yes")

    assert shop.fresh(order).status == OrderStatus.PAID
