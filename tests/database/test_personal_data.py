"""Personal data of a customer: exported, erased on request, and deleted when its time is over."""

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.apps import apps
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db.models import F
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from billing.callbacks import inbox
from billing.models import Attention, Callback, Payment, Refund
from billing.payments import service as payments
from commerce import orders, settlement
from commerce.mail import queue
from commerce.models import Cart, Notification, Order, OrderStatus, Review
from commerce.personal_data import erasing, retention
from commerce.personal_data.erasing import StillNeeded, erase
from commerce.personal_data.export import export
from commerce.personal_data.people import NotACustomer, Person
from config.due import shutting_down
from config.due.queue import database_now
from tests.people import logged_in
from tests.shop import Shop

ADDRESS = "zebedee@quux.example"
PARTS = ("zebedee", "quagmire", "quux")
"""What no row may hold after it is erased, in any case of letters."""

ENOUGH_S = 60.0


@pytest.fixture
def zebedee(shop: Shop, client: Client) -> Order:
    """A customer with an account, a delivered order in two mails, a callback, a refund, a review, and a history."""
    user = User.objects.create_user(ADDRESS, ADDRESS, "one long sentence", first_name="Zebedee")
    Cart.objects.create(customer=user)
    order = bought(shop, user)
    payment = Payment.objects.get(reference=order.public_id)
    body = shop.callback(payment).replace(b"payment.succeeded", b"zebedee.quux")
    Callback.objects.create(account="sandbox", body=body, digest="1", payment=payment, outcome=Callback.Outcome.LOOKED)
    act(client, order, "mark-sent", "change_order")
    act(client, order, "mark-delivered", "change_order")
    shop.follow(shop.refund(payment, "1.00"))
    shop.sweep()
    Review.objects.create(
        order=order, product=order.lines.get().product, rating=5, text="Zebedee likes it", name="Z. Quagmire",
        changed_at=database_now(),
    )  # fmt: skip
    return shop.fresh(order)


def bought(shop: Shop, account: User | None = None, email: str = ADDRESS) -> Order:
    """A paid order of this customer; its mails are sent."""
    customer = orders.Customer(email, "Zebedee Quagmire", "17 Quagmire Street", "en", account)
    order, payment = orders.place(shop.cart(), customer)
    payment = payments.introduce(payment)
    shop.buyer(payment, "pay")
    shop.sweep_now(payment)
    return shop.fresh(order)


def act(client: Client, order: Order, name: str, *permissions: str) -> Any:
    """An action of staff on the order's page."""
    user = User.objects.filter(username=f"sam {name}").first()
    staff = Client()
    if user is None:
        logged_in(staff, "view_order", *permissions, name=f"sam {name}")
    else:
        staff.force_login(user)
    address = reverse("admin:commerce_order_action", args=[order.pk, name])
    return staff.post(address, {"confirmed": "yes", "why": "asked by letter"}, follow=True)


def texts() -> Iterator[tuple[str, str]]:
    """Every text of every row of every table, with the name of its column."""
    for model in (each for each in apps.get_models() if each._meta.managed):
        for row in model._base_manager.all():
            for field in row._meta.concrete_fields:
                value = field.value_from_object(row)
                if isinstance(value, memoryview):
                    value = bytes(value)
                yield f"{model._meta.label}.{field.name}", str(value)


def found() -> set[str]:
    """The columns that name the customer."""
    return {column for column, text in texts() if any(part in text.lower() for part in PARTS)}


# --- erase -----------------------------------------------------------------------------------------------------------


def test_after_it_is_erased_no_row_names_the_customer(zebedee: Order) -> None:
    """In any table, old and new: a column that is added later is searched too."""
    before = found()
    assert {"commerce.Order.name", "commerce.Notification.text", "admin.LogEntry.object_repr"} <= before
    assert {"billing.Callback.body", "commerce.Review.text", "auth.User.username"} <= before

    erase(Person(ADDRESS))

    assert found() == set()


def test_the_books_stay(zebedee: Order) -> None:
    """Goods, amounts, payments, refunds, and which mails were sent when."""

    def books() -> list[Any]:
        order = Order.objects.get(pk=zebedee.pk)
        facts = [order.status, order.total, order.refunded, order.paid_with, order.delivered_at, order.public_id]
        mails = list(Notification.objects.order_by("pk").values_list("kind", "status", "sent_at", "subject"))
        refunds = list(Refund.objects.values_list("amount_minor", "status"))
        return [facts, mails, refunds, [str(line) for line in order.lines.all()], Callback.objects.count()]

    before = books()
    erased = erase(Person(ADDRESS.upper()))

    assert books() == before
    assert (erased.orders, erased.accounts) == (1, 1)
    assert not User.objects.filter(username=ADDRESS).exists()
    seller = Notification.objects.get(kind=Notification.Kind.SELLER_NOTIFICATION)
    assert (seller.recipient, seller.text) == ("roastery@sellers.example.com", "")


def test_other_customers_stay(shop: Shop, zebedee: Order) -> None:
    """Of the same goods, with an address that only begins the same."""
    other, _payment = shop.paid()
    longer = bought(shop, email=f"{ADDRESS}.org")

    erase(Person(ADDRESS))

    assert (shop.fresh(other).email, shop.fresh(longer).email) == ("ann@example.com", f"{ADDRESS}.org")
    assert Notification.objects.filter(order=other).exclude(text="").count() == 2


@pytest.mark.parametrize(
    ("why", "make"),
    [
        ("it waits for its payment", lambda shop, order: orders.place(shop.cart(), customer())),
        ("its goods are not marked as sent or delivered", lambda shop, order: bought(shop)),
        ("it needs a person", lambda shop, order: Order.objects.update(attention_note="look")),
        ("a mail about it is not sent yet", lambda shop, order: requeue(order)),
        (
            "a payment, refund or dispute of it is not finished",
            lambda shop, order: Payment.objects.update(attention=Attention.MISMATCH),
        ),
        ("a payment, refund or dispute of it is not finished", lambda shop, order: shop.refund(order.paid_with)),
        ("a payment, refund or dispute of it is not finished", lambda shop, order: dispute(shop, order)),
    ],
)
def test_what_is_still_needed_is_not_erased(
    shop: Shop, zebedee: Order, why: str, make: Callable[[Shop, Order], object]
) -> None:
    """Nothing of any of their orders; the refusal names the order and the reason."""
    make(shop, zebedee)
    before = sorted(texts())
    needed = Order.objects.filter(erased_at=None).exclude(pk__in=erasing.finished()).get()

    with pytest.raises(StillNeeded, match=f"{needed.number}: {why}"):
        erase(Person(ADDRESS))

    assert sorted(texts()) == before


def customer() -> orders.Customer:
    return orders.Customer(ADDRESS, "Zebedee Quagmire", "17 Quagmire Street", "en")


def requeue(order: Order) -> None:
    [mail] = Notification.objects.filter(order=order, kind=Notification.Kind.ORDER_CONFIRMATION)
    assert queue.repeat(order.pk, mail.pk)


def dispute(shop: Shop, order: Order) -> None:
    payment = order.paid_with
    assert payment is not None
    shop.sandbox.dispute(payment.provider_ref, reason="fraudulent")
    shop.look(payment)
    Payment.objects.update(attention="")
    settlement.settle_due()


def test_staff_is_not_erased(zebedee: Order) -> None:
    """Their names stand beside what they did."""
    User.objects.filter(username=ADDRESS).update(is_staff=True)
    with pytest.raises(NotACustomer):
        erase(Person(ADDRESS))
    with pytest.raises(NotACustomer):
        export(Person(ADDRESS))


@pytest.mark.parametrize("policy", ["accept", "park"])
def test_money_that_comes_for_an_erased_order_waits_for_a_person(shop: Shop, settings: Settings, policy: str) -> None:
    """Nobody knows where to send the goods; it can only be given back, and no mail is written."""
    settings.LATE_MONEY_POLICY = policy
    order, payment = orders.place(shop.cart(), customer())
    payment = payments.introduce(payment)
    orders.cancel(order.public_id)
    shop.sweep()
    erase(Person(ADDRESS))
    shop.sandbox.force(payment.provider_ref, "succeeded")
    shop.look(payment)
    shop.sweep()

    late = shop.fresh(order)
    assert (late.status, late.email) == (OrderStatus.CANCELED, "")
    assert late.attention_note.startswith("late payment")
    olga = logged_in(Client(), "view_order", "change_order", "decide_payment", name="olga")
    address = reverse("admin:commerce_order_action", args=[order.pk, "accept"])
    said = olga.post(address, {"why": "x", "payment": payment.pk, "key": "1" * 32})
    assert "can only be given back" in said.content.decode()
    assert not Notification.objects.filter(order=order).exists()


def test_a_mail_without_its_text_is_not_sent_again(shop: Shop, zebedee: Order) -> None:
    """An empty mail would go out."""
    erase(Person(ADDRESS))
    Notification.objects.update(status=Notification.Status.GIVEN_UP)
    mail = Notification.objects.filter(order=zebedee).first()
    assert mail is not None
    assert queue.send_again(mail.pk) == queue.send_alike_again(mail.pk) == 0
    assert not queue.repeatable(shop.fresh(zebedee)).exists()


# --- export ----------------------------------------------------------------------------------------------------------


def test_the_export_has_all_that_names_the_customer(zebedee: Order) -> None:
    """Each text of a row that names them is in it, but for what staff wrote, and the provider's callback."""
    told = json.dumps(export(Person(ADDRESS)), default=str)
    for text in ("Zebedee Quagmire", "17 Quagmire Street", "Zebedee likes it", "Z. Quagmire", zebedee.number):
        assert text in told
    for mail in Notification.objects.filter(recipient=ADDRESS):
        assert json.dumps(mail.text)[1:-1] in told
    assert "sam" not in told
    assert "roastery@sellers" not in told


# --- who may ---------------------------------------------------------------------------------------------------------


def test_the_command_exports_and_erases(zebedee: Order, caplog: pytest.LogCaptureFixture) -> None:
    """The log says that it was done and why, and names nobody."""
    out = StringIO()
    call_command("person", "export", ADDRESS, stdout=out)
    assert json.loads(out.getvalue())["orders"][0]["number"] == zebedee.number

    out = StringIO()
    call_command("person", "erase", ADDRESS, "--why", "letter of 3 May", stdout=out)
    assert out.getvalue() == "Erased: 1 orders, 1 accounts, 3 mails.\n"
    done = [vars(record) for record in caplog.records if record.msg == "action.done"]
    assert [(each["action"], each["subject"], each["why"]) for each in done] == [
        ("Personal data exported", "a customer", ""),
        ("Personal data erased", "a customer", "letter of 3 May"),
    ]
    with pytest.raises(CommandError, match="No order, account or mail has this address"):
        call_command("person", "erase", ADDRESS, "--why", "again")


def test_the_admin_erases_and_its_history_names_nobody(zebedee: Order, client: Client) -> None:
    """The page says what was erased; the order's history, who did it and why."""
    page = act(client, zebedee, "erase-personal-data", "erase_personal_data").content.decode()

    assert "Erased: 1 orders, 1 accounts, 3 mails." in page
    assert found() == set()
    entry = LogEntry.objects.filter(object_id=zebedee.pk).first()
    assert entry is not None
    assert entry.change_message == "Personal data erased: asked by letter"
    assert "way-out/erase-personal-data" not in page


def test_the_admin_exports_to_those_who_may(zebedee: Order, client: Client) -> None:
    """The link is there for them only, and the history keeps who took it."""
    page = reverse("admin:commerce_order_change", args=[zebedee.pk])
    file = reverse("admin:commerce_order_personal_data", args=[zebedee.pk])
    reader = logged_in(Client(), "view_order", name="reader")
    assert file not in reader.get(page).content.decode()
    assert reader.get(file).status_code == 403

    clerk = logged_in(Client(), "view_order", "export_personal_data", name="clerk")
    assert file in clerk.get(page).content.decode()
    answer = clerk.get(file)
    assert (answer.json()["address"], answer["Content-Disposition"]) == (
        ADDRESS,
        f'attachment; filename="customer-of-{zebedee.number}.json"',
    )
    assert LogEntry.objects.filter(user__username="clerk").count() == 1

    erase(Person(ADDRESS))
    assert clerk.get(file).status_code == 404
    assert file not in clerk.get(page).content.decode()


# --- the nightly deletion --------------------------------------------------------------------------------------------


def long_ago(days: float) -> None:
    """All that has happened, happened that much earlier."""
    age = timedelta(days=days)
    Order.objects.filter(ended_at__isnull=False).update(ended_at=F("ended_at") - age)
    Notification.objects.update(queued_at=F("queued_at") - age)
    Callback.objects.update(received_at=F("received_at") - age)


def test_an_order_is_made_anonymous_when_its_time_is_over(shop: Shop, zebedee: Order, settings: Settings) -> None:
    """Not a day before, and not one that is still needed; the account stays."""
    settings.CUSTOMER_DATA_RETENTION_DAYS, settings.MAIL_RETENTION_DAYS = 100, 90
    needed = bought(shop)
    long_ago(99)
    assert retention.erase_old_data(ENOUGH_S) is False
    assert shop.fresh(zebedee).name == "Zebedee Quagmire"

    long_ago(2)
    assert retention.erase_old_data(ENOUGH_S) is False

    assert [shop.fresh(order).name for order in (zebedee, needed)] == ["", "Zebedee Quagmire"]
    assert not Notification.objects.filter(order=zebedee).exclude(text="").exists()
    assert User.objects.filter(username=ADDRESS).exists()


def test_texts_of_mails_go_before_the_order(shop: Shop, zebedee: Order, settings: Settings) -> None:
    """Only their texts; reports stay."""
    settings.MAIL_RETENTION_DAYS = 10
    long_ago(11)
    retention.erase_old_data(ENOUGH_S)
    mails = Notification.objects.filter(order=zebedee)
    assert {mail.text + mail.html for mail in mails} == {""}
    assert mails.filter(recipient=ADDRESS, subject__contains=zebedee.number).count() == 2
    assert shop.fresh(zebedee).name == "Zebedee Quagmire"


def test_bodies_of_callbacks_go_and_cannot_be_processed_again(zebedee: Order, settings: Settings) -> None:
    """The rest of the row stays."""
    settings.CALLBACK_BODY_RETENTION_DAYS = 10
    callback = Callback.objects.get(digest="1")
    long_ago(9)
    assert inbox.prune_bodies(ENOUGH_S) is False
    assert Callback.objects.get(digest="1").body
    assert inbox.replay(callback.pk, "sam")
    Callback.objects.update(outcome=Callback.Outcome.LOOKED, process_after=None)

    long_ago(2)
    inbox.prune_bodies(ENOUGH_S)

    assert bytes(Callback.objects.get(digest="1").body) == b""
    assert not inbox.replay(callback.pk, "sam")


def test_one_order_that_fails_does_not_stop_the_night(
    shop: Shop, zebedee: Order, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    """The database refuses the first; the second is made anonymous."""
    settings.CUSTOMER_DATA_RETENTION_DAYS = 1
    second = bought(shop)
    Order.objects.filter(pk=second.pk).update(sent_at=database_now())
    long_ago(2)
    Notification.objects.create(
        order=zebedee, kind=Notification.Kind.ORDER_CONFIRMATION, recipient="", subject="no second one", text="x",
        message_id="<1@example.com>", status=Notification.Status.SENT,
    )  # fmt: skip

    retention.erase_old_data(ENOUGH_S)

    assert [shop.fresh(order).erased_at is None for order in (zebedee, second)] == [True, False]
    assert "order.erase_failed" in caplog.messages


def test_a_night_that_is_cut_short_goes_on_later(shop: Shop, zebedee: Order, settings: Settings) -> None:
    """At the end of its time, and when the worker stops."""
    settings.CUSTOMER_DATA_RETENTION_DAYS = 1
    long_ago(2)
    assert retention.erase_old_data(0) is True
    shutting_down.set()
    try:
        assert retention.erase_old_data(ENOUGH_S) is True
    finally:
        shutting_down.clear()
    assert shop.fresh(zebedee).name == "Zebedee Quagmire"
