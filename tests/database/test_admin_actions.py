"""What operators do in lists: asked once more, recorded with who and why, and never done twice."""

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.db.models import Model
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from billing.models import Payment
from commerce import orders
from commerce.mail import queue, sending
from commerce.models import Notification, Order, OrderEvent, OrderStatus
from commerce.timeline import timeline
from tests import backstage, reporting
from tests.people import logged_in
from tests.shop import Shop
from tests.threads import at_once

pytestmark = pytest.mark.sqlite_is_enough

CHANGES = ["view_order", "change_order", "view_payment", "check_payment", "view_notification", "change_notification"]


@pytest.fixture
def sam(client: Client) -> Client:
    """Who may do everything that is tried here."""
    return logged_in(client, *CHANGES)


def act(client: Client, action: str, *chosen: Model, **more: str) -> Any:
    """The action on the rows that were ticked, and the page that follows."""
    opts = chosen[0]._meta
    fields = {"action": action, "_selected_action": [row.pk for row in chosen], **more}
    return client.post(reverse(f"admin:{opts.app_label}_{opts.model_name}_changelist"), fields, follow=True)


def said(answer: Any) -> list[str]:
    """The messages on the page."""
    return [str(message) for message in answer.context["messages"]]


def recorded() -> list[tuple[str, str]]:
    """Who did what, and why, as the history pages tell it."""
    return [(entry.user.get_username(), entry.get_change_message()) for entry in LogEntry.objects.order_by("pk")]


# --- orders ----------------------------------------------------------------------------------------------------------


def test_an_order_is_cancelled_for_the_customer(shop: Shop, sam: Client) -> None:
    """By the same function as the customer's own button; the order's story tells who and why."""
    (order, _), paid = shop.order(), reporting.order(of=shop.product("mug"))

    page = act(sam, "cancel", order, paid).content.decode()
    assert order.number in page
    assert "These are left alone" in page
    assert recorded() == []

    answer = act(sam, "cancel", order, paid, confirmed="yes", why="called us")
    shop.sweep()

    assert shop.fresh(order).status == OrderStatus.CANCELED
    assert shop.fresh(paid).status == OrderStatus.PAID
    assert said(answer)[0] == "Orders cancelled for the customer: 1."
    assert said(answer)[1].endswith("or that are being cancelled already: 1.")
    assert recorded() == [("sam", "Orders cancelled for the customer: called us")]
    assert "sam cancelled it for the customer: called us" in [entry.text for entry in timeline(shop.fresh(order))]


@pytest.mark.postgres_too
@pytest.mark.parametrize("why", ["", "   ", "x" * 151], ids=ascii)
def test_nothing_is_decided_without_a_reason(shop: Shop, sam: Client, why: str) -> None:
    """The page comes again and says what is wrong."""
    order, _ = shop.order()

    page = act(sam, "cancel", order, confirmed="yes", why=why).content.decode()

    assert "errorlist" in page
    assert order.number in page
    assert not order.events.exists()
    assert recorded() == []


def test_two_clicks_cancel_once(shop: Shop, sam: Client) -> None:
    """While the provider has not confirmed the first one, and afterwards."""
    order, _ = shop.order()
    act(sam, "cancel", order, confirmed="yes", why="called us")
    for _ in range(2):
        assert len(said(act(sam, "cancel", order, confirmed="yes", why="again"))) == 1
        shop.sweep()

    assert [event.note for event in order.events.all()] == ["called us"]
    assert len(recorded()) == 1


@pytest.mark.postgres_too
def test_clicks_at_the_same_moment_cancel_once(shop: Shop) -> None:
    """The order's lock decides."""
    order, _ = shop.order()

    assert sum(at_once(*[lambda: orders.cancel_on_behalf(order.pk, "sam", "called us")] * 4)) == 1
    assert order.events.count() == 1


def test_attention_is_cleared_with_a_note(shop: Shop, sam: Client) -> None:
    """It is in the story, and the order is off the list of those that need a person."""
    troubled, fine = reporting.order(), reporting.order()
    Order.objects.filter(pk=troubled.pk).update(attention_note="late money")

    answer = act(sam, "clear-attention", troubled, fine, confirmed="yes", why="refunded by hand")

    assert said(answer) == ["Orders that a person has looked at: 1.", "Orders that need no attention: 1."]
    assert shop.fresh(troubled).attention_note == ""
    assert "sam has resolved it: refunded by hand" in [entry.text for entry in timeline(troubled)]
    assert recorded() == [("sam", "Orders that a person has looked at: refunded by hand")]


def test_attention_can_be_cleared_twice_with_the_same_words(shop: Shop) -> None:
    """Two things went wrong one after the other, and the answer was the same."""
    order = reporting.order()
    for note in ("late money", "paid twice"):
        Order.objects.update(attention_note=note)
        assert orders.clear_attention(order.pk, "sam", "refunded")

    assert [event.kind for event in order.events.all()] == [OrderEvent.Kind.LOOKED_AT]


def test_marking_delivered_is_recorded(shop: Shop, sam: Client) -> None:
    """It needs no reason."""
    order = reporting.order()

    act(sam, "mark-delivered", order, confirmed="yes")

    assert recorded() == [("sam", "Orders marked delivered.")]


# --- mails -----------------------------------------------------------------------------------------------------------


def given_up(error: str = "no such mailbox [550]") -> Notification:
    """A mail that needs a person."""
    return backstage.mail(reporting.order(), status="given_up", error=error)


def test_a_mail_that_was_given_up_is_sent_again(sam: Client, settings: Settings, mailoutbox: list[Any]) -> None:
    """The same mail; those that were sent are left alone."""
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    mail, sent = given_up(), backstage.mail(reporting.order())

    answer = act(sam, "send-mail-again", mail, sent, confirmed="yes", why="the mailbox is there now")
    sending.send_due(100)

    assert said(answer) == ["Mails that are sent again: 1.", "Mails that were not given up: 1."]
    assert [message.extra_headers["Message-ID"] for message in mailoutbox] == [mail.message_id]
    mail.refresh_from_db()
    assert (mail.status, mail.error) == ("sent", "")
    assert recorded() == [("sam", "Mails that are sent again: the mailbox is there now")]


def test_a_mail_that_may_have_been_sent_says_that_it_may_arrive_twice(sam: Client) -> None:
    """The others do not."""
    mails = given_up("it may have been sent: a worker did not come back"), given_up()

    assert act(sam, "send-mail-again", *mails).content.decode().count("a second copy may arrive") == 1


def test_all_mails_that_a_fault_gave_up_are_sent_again_at_once(sam: Client) -> None:
    """By the kind of failure and the codes, whatever else the server said. The others stay as they are."""
    refused = "recipient refused 554 5.7.1"
    chosen, *alike = (given_up(f"{refused} Relay access denied{queue_id}") for queue_id in ("", " (a1)", " (b2)"))
    others = [
        given_up(error)
        for error in (
            "recipient refused 554",
            f"{refused}0 another code",
            "recipient refused 550 5.1.1 unknown",
            "mail refused 554 5.7.1 Relay access denied",
            f"it may have been sent: {refused}",
        )
    ]
    sent = backstage.mail(reporting.order())

    answer = act(sam, "send-alike-again", chosen, alike[0], others[-1], sent, confirmed="yes", why="relaying works")

    states = dict(Notification.objects.values_list("pk", "status"))
    assert [states[mail.pk] for mail in (chosen, *alike)] == ["queued"] * 3
    assert [states[mail.pk] for mail in (*others, sent)] == ["given_up"] * 5 + ["sent"]
    assert said(answer) == [
        "Mails that are sent again: 3.",
        "Mails that were not given up, or may have been sent already: 3.",
    ]
    assert recorded() == [("sam", "Mails that are sent again (3): relaying works")]


@pytest.mark.parametrize("error", ["recipient refused 554", "workers did not come back from sending it", ""])
def test_mails_given_up_before_there_were_codes_are_alike_by_their_error(error: str) -> None:
    """The whole text is the reason."""
    mails = [given_up(error) for _ in range(2)]
    given_up("the recipient is not an e-mail address")

    assert queue.send_alike_again(mails[0].pk) == 2


@pytest.mark.postgres_too
def test_a_mail_is_sent_again_once(shop: Shop) -> None:
    """Whoever clicks at the same moment finds it queued."""
    mail = given_up()

    assert sum(at_once(*[lambda: queue.send_again(mail.pk)] * 4)) == 1


# --- payments --------------------------------------------------------------------------------------------------------


def test_looking_at_a_payment_is_recorded(shop: Shop, sam: Client) -> None:
    """It harms nobody, so nobody is asked; those that the provider never had are left alone."""
    (_, payment), ended = shop.order(), Payment.objects.get(reference=reporting.order().public_id)
    Payment.objects.filter(pk=ended.pk).update(provider_ref="")

    answer = act(sam, "check-payment", payment, ended)

    assert said(answer) == [
        "Payments the provider is asked about now: 1.",
        "Payments that the provider never had: 1.",
    ]
    assert shop.fresh(payment).asked_by == "operator"
    assert recorded() == [("sam", "Payments the provider is asked about now.")]


# --- all of them -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("action", ["mark-delivered", "cancel", "clear-attention", "send-mail-again", "check-payment"])
def test_who_may_only_look_does_nothing(shop: Shop, client: Client, action: str) -> None:
    """The actions are not there for them, nor heard."""
    visitor = logged_in(client, *[each for each in CHANGES if each.startswith("view")], name="visitor")
    order, payment = shop.order()
    row = {"check-payment": payment, "send-mail-again": given_up()}.get(action, order)
    before = type(row)._default_manager.filter(pk=row.pk).values().get()

    act(visitor, action, row, confirmed="yes", why="because")

    assert type(row)._default_manager.filter(pk=row.pk).values().get() == before
    assert recorded() == []


def test_too_many_rows_are_refused(shop: Shop, sam: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever ticks "select all" of a large table gets a sentence, not a request without an end."""
    monkeypatch.setattr("config.actions.pages.MOST_AT_ONCE", 2)
    chosen = [reporting.order() for _ in range(3)]

    answer = act(sam, "mark-delivered", chosen[0], select_across="1", confirmed="yes")

    assert said(answer) == ["Nothing was done: please choose 2 rows or fewer."]
    assert not Order.objects.filter(status=OrderStatus.DELIVERED).exists()


def test_all_that_the_page_names_is_done(shop: Shop, sam: Client) -> None:
    """Also the rows that "select all" brought from other pages of the list."""
    chosen = [reporting.order() for _ in range(3)]
    page = act(sam, "mark-delivered", chosen[0], select_across="1").content.decode()

    for order in chosen:
        assert f'name="_selected_action" value="{order.pk}"' in page
