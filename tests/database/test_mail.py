"""Mails about orders: written down with the order, sent by a real mail client to a real mail server.

Each order of these tests has one mail, the customer's; the sellers' have their own file.
"""

import re
import smtplib
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, nullcontext
from copy import copy
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import dramatiq
import pytest
import trustme
from aiosmtpd.smtp import AuthResult, LoginPassword
from django.conf import settings as django_settings
from django.db import IntegrityError, connection, transaction
from django.db.models import F
from django.db.models.functions import Now
from django.utils.html import escape
from pytest_django import Settings

from commerce import orders
from commerce.mail import message, mime, queue, sending
from commerce.mail.connection import Connection, breaker
from commerce.mail.queue import MAIL_QUEUE
from commerce.models import Notification, Order
from commerce.reviews import links
from config.due import shutting_down
from config.due.queue import database_now
from config.mail_address import in_ascii
from config.messaging.nudges import publisher
from tests.mailing import mail_server
from tests.shop import CUSTOMER, Shop
from tests.stack.mail import MailServer
from tests.stack.ports import wait_until
from tests.threads import at_once

pytestmark = pytest.mark.sqlite_is_enough

Kind = Notification.Kind
SENT, QUEUED, GIVEN_UP = Notification.Status.SENT, Notification.Status.QUEUED, Notification.Status.GIVEN_UP


@pytest.fixture
def mail(request: pytest.FixtureRequest, settings: Settings) -> Iterator[MailServer]:
    """The shop's mail server."""
    with mail_server(settings, pipelining=getattr(request, "param", True)) as server:
        yield server


WITHOUT_TLS = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
"""On loopback a login needs no TLS."""


def only(user: str, secret: str) -> dict[str, Any]:
    """The options of a mail server that lets nobody else in."""

    def let_in(*about: Any) -> AuthResult:
        return AuthResult(success=about[-1] == LoginPassword(user.encode(), secret.encode()))

    return {"authenticator": let_in, "auth_required": True, "auth_require_tls": False}


EITHER_WAY = pytest.mark.parametrize("mail", [True, False], ids=["at once", "one by one"], indirect=True)
"""Servers that take MAIL, RCPT and DATA in one piece, and servers that do not."""


@pytest.fixture
def notice(shop: Shop) -> Notification:
    """The confirmation of an order that was just paid, not sent yet."""
    return paid(shop).notifications.get()


def paid(shop: Shop, **facts: str) -> Order:
    """A paid order whose customer has these facts. No provider is asked: only the mail is of interest here."""
    order, payment = orders.place(shop.cart(), CUSTOMER)
    Order.objects.filter(pk=order.pk).update(**facts)
    order = shop.fresh(order)
    with transaction.atomic():
        orders.mark_paid(order, payment)
    Notification.objects.filter(kind=Kind.SELLER_NOTIFICATION).delete()
    return order


def order_of(notice: Notification) -> Order:
    """The order that the mail is about."""
    assert notice.order is not None
    return notice.order


def text_of(message: EmailMessage, kind: str = "plain") -> str:
    """One of the two parts of a mail."""
    part = message.get_body((kind,))
    assert part is not None
    return str(part.get_content())


def wait_over() -> None:
    """As if the wait after an error were over."""
    Notification.objects.filter(send_after__isnull=False).update(send_after=Now())


def reminder(shop: Shop) -> Notification:
    """A review reminder, the only mail there is."""
    order = paid(shop)
    Notification.objects.all().delete()
    lines = list(order.lines.all())
    queue.queue_review_reminder(order, lines, **links.reminder_facts(lines))
    return order.notifications.get()


def lease_over() -> None:
    """As if the time of every claim were over."""
    Notification.objects.filter(claims__gt=0).update(send_after=F("send_after") - MAIL_QUEUE.lease)


def soon(mail: MailServer, happens: Callable[[], None]) -> int:
    """While the first mail is being sent: the server has it, and has not answered."""
    wait_until(lambda: mail.handed_over, "the first mail was handed over")
    happens()
    return 0


def calls_for_help() -> int:
    """The messages that bring other threads to the mails."""
    publisher.flush(timeout_s=2)
    waiting = dramatiq.get_broker().queues["routine"].queue
    return sum(dramatiq.Message.decode(data).actor_name == "send_pending_emails" for data in waiting)


def state_of(notice: Notification) -> tuple[object, ...]:
    """Everything that a try may change."""
    return (notice.status, notice.send_after, notice.claims, notice.errors, notice.error)


def wait_s(notice: Notification) -> int:
    """Seconds until the next try."""
    assert notice.send_after is not None
    return round((notice.send_after - database_now()).total_seconds())


@contextmanager
def nothing_can_be_marked_as_sent() -> Iterator[None]:
    """The database refuses what is written after a mail was accepted."""
    with connection.cursor() as cursor:
        cursor.execute(REFUSE_SENT[connection.vendor])
        try:
            yield
        finally:
            cursor.execute(ALLOW_SENT[connection.vendor])


REFUSE_SENT = {
    "postgresql": "ALTER TABLE commerce_notification ADD CONSTRAINT never_sent CHECK (status <> 'sent')",
    "sqlite": "CREATE TRIGGER never_sent BEFORE UPDATE ON commerce_notification WHEN NEW.status = 'sent' "
    "BEGIN SELECT RAISE(ABORT, 'never sent'); END",
}
ALLOW_SENT = {
    "postgresql": "ALTER TABLE commerce_notification DROP CONSTRAINT never_sent",
    "sqlite": "DROP TRIGGER never_sent",
}


# --- sent once -------------------------------------------------------------------------------------------------------


def test_a_mail_is_sent_once(shop: Shop, mail: MailServer, notice: Notification) -> None:
    """However often the sweep and the nudge come by."""
    sending.send_due(10)
    sending.send_due(10)
    sending.send_for(order_of(notice).pk, Notification.Kind.ORDER_CONFIRMATION)

    assert [each.recipients for each in mail.messages] == [("ann@example.com",)]
    notice = shop.fresh(notice)
    assert (notice.status, notice.send_after, notice.error, notice.claims) == (SENT, None, "", 0)
    assert notice.sent_at is not None


def test_the_mail_is_the_one_that_was_written_down(shop: Shop, mail: MailServer, notice: Notification) -> None:
    """Subject, text and Message-ID were frozen with the order; what changes afterwards does not change the mail."""
    Order.objects.update(name="Somebody else", total_minor=1)

    sending.send_due(10)

    message = mail.messages[0].message
    assert message["Message-ID"] == notice.message_id
    assert message["Subject"] == notice.subject
    assert text_of(message).split() == notice.text.split()
    assert text_of(message, "html").split() == notice.html.split()
    assert message["Date"].datetime == notice.queued_at.replace(microsecond=0)
    assert "Ann" in notice.text
    assert "€4.50" in notice.subject


def test_the_same_mail_is_the_same_bytes(shop: Shop, notice: Notification) -> None:
    """Whenever, and by whomever, it is put together."""
    first, second = (mime.as_bytes(message.of(mail)) for mail in (notice, shop.fresh(notice)))

    assert first == second


def test_the_nudge_sends_only_the_mails_of_its_order(shop: Shop, mail: MailServer) -> None:
    """The others wait for their own nudge, or for the sweep."""
    first, second = paid(shop, email="first@example.com"), paid(shop, email="second@example.com")

    assert sending.send_for(second.pk, Notification.Kind.ORDER_CONFIRMATION) == 1
    assert [each.recipients for each in mail.messages] == [("second@example.com",)]

    assert sending.send_due(10) == 1
    assert shop.fresh(first).notifications.get().status == SENT


@pytest.mark.postgres_too
def test_many_senders_at_once_send_each_mail_once(shop: Shop, mail: MailServer) -> None:
    """Workers share the mails."""
    addresses = [f"customer{number}@example.com" for number in range(8)]
    for address in addresses:
        paid(shop, email=address)

    at_once(*[lambda: sending.send_due(20)] * 4)

    assert sorted(each.recipients[0] for each in mail.messages) == addresses
    assert set(Notification.objects.values_list("status", flat=True)) == {SENT}


def test_a_batch_has_a_limit(shop: Shop, mail: MailServer) -> None:
    """The rest waits for the next batch."""
    for _ in range(3):
        paid(shop)

    assert sending.send_due(2) == 2
    assert len(mail.messages) == 2
    assert sending.send_due(2) == 1


def test_a_batch_is_carried_by_one_connection(shop: Shop, mail: MailServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many groups it is claimed in."""
    monkeypatch.setattr(sending, "GROUP_MAILS", 2)
    for _ in range(5):
        paid(shop)

    assert sending.send_due(10) == 5
    assert (len(mail.messages), mail.connections) == (5, 1)


def test_a_group_that_takes_too_long_is_given_back(
    shop: Shop, mail: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mail is begun only while its lease covers it; the others wait no longer than if they had not been claimed."""
    monkeypatch.setattr(sending, "GROUP_S", 1.0)
    monkeypatch.setattr(sending, "BATCH_S", 1.0)
    notices = [paid(shop).notifications.get() for _ in range(4)]
    mail.hang(0)
    mail.hang(1.2, times=None)

    assert sending.send_due(10) == 2

    assert [shop.fresh(notice).status for notice in notices] == [SENT, SENT, QUEUED, QUEUED]
    assert [state_of(shop.fresh(notice)) for notice in notices[2:]] == [state_of(notice) for notice in notices[2:]]


@pytest.mark.postgres_too
def test_a_worker_that_is_to_end_gives_its_group_back(shop: Shop, mail: MailServer) -> None:
    """The mail under way is finished, the others are for whoever comes next."""
    first, second = (paid(shop, email=f"{name}@example.com").notifications.get() for name in ("ann", "bert"))
    mail.hang(1.5, to="ann@example.com")

    at_once(lambda: sending.send_due(10), lambda: soon(mail, shutting_down.set))

    assert shop.fresh(first).status == SENT
    assert state_of(shop.fresh(second)) == state_of(second)


@pytest.mark.postgres_too
def test_an_outcome_that_cannot_be_written_ends_the_group(shop: Shop, mail: MailServer) -> None:
    """Else a database that fails would double the whole group: one mail is in doubt, the others are not begun."""
    notices = [paid(shop).notifications.get() for _ in range(3)]
    with nothing_can_be_marked_as_sent():
        assert sending.send_due(10) == 1

    assert len(mail.messages) == 1
    assert [shop.fresh(notice).claims for notice in notices] == [1, 0, 0]


def test_more_than_a_group_calls_another_thread(shop: Shop, mail: MailServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which finds less left, and calls nobody."""
    monkeypatch.setattr(sending, "GROUP_MAILS", 2)
    for _ in range(3):
        paid(shop)

    sending.send_due(2)
    assert calls_for_help() == 1
    sending.send_due(2)
    assert calls_for_help() == 1


def test_no_more_connections_than_the_setting_says(shop: Shop, mail: MailServer, notice: Notification) -> None:
    """Whoever comes when all are busy goes home and has changed nothing; a nudge for one order is sent all the same."""
    busy = [sending._free_connections.acquire(blocking=False) for _ in range(django_settings.EMAIL_CONNECTIONS)]
    try:
        assert sending.send_due(10) == 0
        assert state_of(shop.fresh(notice)) == state_of(notice)
        assert sending.send_for(order_of(notice).pk, Kind.ORDER_CONFIRMATION) == 1
    finally:
        for _ in busy:
            sending._free_connections.release()


@pytest.mark.postgres_too
def test_a_confirmation_exists_once_per_order_kind_and_recipient(shop: Shop, notice: Notification) -> None:
    """Asked for twice, it is the same row with the same Message-ID; the database keeps the rule."""
    queue.queue_order_confirmation(order_of(notice))

    assert [each.message_id for each in Notification.objects.all()] == [notice.message_id]
    with pytest.raises(IntegrityError):
        Notification.objects.create(
            order=notice.order,
            kind=notice.kind,
            recipient=notice.recipient,
            subject="again",
            text="again",
            message_id="<another@example.com>",
            send_after=database_now(),
        )


def test_two_orders_have_two_confirmations(shop: Shop) -> None:
    """The same customer ordered twice."""
    paid(shop)
    paid(shop)

    assert len(set(Notification.objects.values_list("message_id", flat=True))) == 2


# --- what mail servers say -------------------------------------------------------------------------------------------


@EITHER_WAY
@pytest.mark.parametrize("reply", ["451 try again later", "421 too busy", "450 mailbox busy", "452 no space"])
def test_a_temporary_no_is_tried_again(shop: Shop, mail: MailServer, notice: Notification, reply: str) -> None:
    """4xx is "not now": the mail is put off, and sent when the server has thought better of it."""
    mail.answer_with(reply)
    sending.send_due(10)
    put_off = shop.fresh(notice)
    assert (put_off.status, put_off.errors, mail.messages) == (QUEUED, 1, [])
    assert reply[:3] in put_off.error
    assert sending.send_due(10) == 0

    wait_over()
    sending.send_due(10)

    assert [each.message["Message-ID"] for each in mail.messages] == [notice.message_id]
    sent = shop.fresh(notice)
    assert (sent.status, sent.errors, sent.error) == (SENT, 0, "")


@pytest.mark.parametrize(
    ("reply", "waits"),
    [
        ("451 greylisted", [60, 120, 240, 480, 960, 1800, 1800, 1800]),
        ("421 closing down", [15, 30, 60, 120, 240, 480, 600, 600]),
    ],
)
def test_the_waits_grow(shop: Shop, mail: MailServer, notice: Notification, reply: str, waits: list[int]) -> None:
    """From a minute to half an hour where the recipient is not ready, from seconds to ten minutes where the server is
    not: whoever greylists must not be hurried, and whoever restarts is soon back."""
    mail.answer_with(reply, times=None)
    seen = []
    for _ in range(8):
        breaker.reset()
        sending.send_due(10)
        seen.append(wait_s(shop.fresh(notice)))
        wait_over()

    assert seen == [pytest.approx(wait, abs=5) for wait in waits]


@EITHER_WAY
@pytest.mark.parametrize("reply", ["550 no such user", "554 spam", "552 too big"])
def test_a_definite_no_ends_it_for_a_person_to_see(
    shop: Shop, mail: MailServer, notice: Notification, reply: str
) -> None:
    """5xx about this mail: repeating it would only annoy. The row says what the server said."""
    mail.answer_with(reply, times=None)

    sending.send_due(10)
    wait_over()
    sending.send_due(10)

    given_up = shop.fresh(notice)
    assert (given_up.status, given_up.send_after, given_up.sent_at) == (GIVEN_UP, None, None)
    assert reply[:3] in given_up.error
    assert mail.messages == []


@EITHER_WAY
@pytest.mark.parametrize("reply", ["550 no such user", "451 not now"])
def test_one_bad_recipient_holds_up_nobody(shop: Shop, mail: MailServer, reply: str) -> None:
    """Those behind it in the line are sent in the same batch."""
    orders = [paid(shop, email=f"{name}@example.com") for name in ("ann", "bad", "carl", "dora")]
    mail.answer_with(reply, to="bad@example.com", times=None)

    assert sending.send_due(10) == 4

    assert [each.recipients[0][:3] for each in mail.messages] == ["ann", "car", "dor"]
    assert [order.notifications.get().status == SENT for order in orders] == [True, False, True, True]


@EITHER_WAY
@pytest.mark.parametrize("stage", ["RCPT", "DATA"])
def test_the_servers_words_are_kept_without_the_recipient(
    shop: Shop, mail: MailServer, stage: str, caplog: pytest.LogCaptureFixture
) -> None:
    """On the row and in the log: the codes and the words, whichever way the server writes the address."""
    notice = paid(shop, email="ann.lee@example.com").notifications.get()
    mail.say_at(stage, "550-5.1.1 <Ann.Lee@Example.com>: ann.lee=example.com\r\n550 5.1.1 'Ann Lee' ann.lee... moved")

    sending.send_due(10)

    kind = {"RCPT": "recipient refused", "DATA": "mail refused"}[stage]
    assert shop.fresh(notice).error == f"{kind} 550 5.1.1 <***>: ***=example.com *** ***... moved"
    [told] = [record for record in caplog.records if record.message == "mail.given_up"]
    assert told.error == shop.fresh(notice).error  # type: ignore[attr-defined]


@pytest.mark.parametrize("words", ["x" * 500, "\0 \x1b[2J", "наш сервер не принимает" * 20], ids=ascii)
def test_any_words_of_a_server_can_be_kept(shop: Shop, mail: MailServer, notice: Notification, words: str) -> None:
    """Those that no database takes, and those that are too long."""
    mail.say_at("RCPT", f"550 5.1.1 {words}")

    sending.send_due(10)

    assert shop.fresh(notice).status == GIVEN_UP
    assert shop.fresh(notice).error.startswith("recipient refused 550 5.1.1 ")


# --- refusals that are not about the mail ----------------------------------------------------------------------------

ABOUT_US = [
    "554 5.7.1 Relay access denied",
    "550 5.7.1 HELO rejected",
    "504 5.5.2 need fully-qualified hostname",
    "550 5.4.5 Daily user sending quota exceeded",
    "554 5.7.0 try again later",
    "550 5.7.60 Client does not have permissions to send as this sender",
    "550 5.3.2 system not accepting messages",
    "550 5.1.8 sender domain does not exist",
    "550 relay not permitted",
    "550 5.1.1 User unknown",
    "500 what?",
]
"""What servers say to every mail while something is wrong with them, or with us."""


def customers(shop: Shop, number: int) -> list[Notification]:
    """That many mails, to a customer each; all about one order, because an order takes long to pay."""
    mails = [paid(shop, email="customer0@example.com").notifications.get()]
    for each in range(1, number):
        another = copy(mails[0])
        another.pk, another.recipient, another.message_id = None, f"customer{each}@example.com", f"<{each}@example.com>"
        another.save(force_insert=True)
        mails.append(another)
    return mails


def send_all(mail: MailServer) -> None:
    """As the sweep does, again and again, until every due mail was tried."""
    breaker.reset()
    while sending.send_due(100):
        breaker.reset()


@EITHER_WAY
@pytest.mark.parametrize("stage", ["RCPT", "DATA"])
@pytest.mark.parametrize("reply", ABOUT_US)
def test_a_server_that_refuses_every_mail_loses_none(
    shop: Shop, mail: MailServer, stage: str, reply: str, caplog: pytest.LogCaptureFixture
) -> None:
    """All go out once it is repaired, and the log said meanwhile what was wrong."""
    notices = customers(shop, 6)
    mail.say_at(stage, *[reply] * 200)

    send_all(mail)
    wait_over()
    send_all(mail)

    assert {shop.fresh(notice).status for notice in notices} == {QUEUED}
    assert all(shop.fresh(notice).refused_since for notice in notices)
    told = [record.error for record in caplog.records if record.message == "mail.refused_by_server"]  # type: ignore[attr-defined]
    assert told
    assert all(reply in each for each in told)

    mail.clear()
    wait_over()
    send_all(mail)

    assert sorted(each.recipients[0] for each in mail.messages) == sorted(notice.recipient for notice in notices)
    assert {(state.status, state.error, state.refused_since) for state in map(shop.fresh, notices)} == {
        (SENT, "", None)
    }


@EITHER_WAY
@pytest.mark.parametrize("reply", ["554 5.7.1 Relay access denied", "550 5.1.1 User unknown"])
def test_a_server_that_refuses_every_mail_is_not_flooded(shop: Shop, mail: MailServer, reply: str) -> None:
    """Three mails show it. From then on one mail after each pause asks whether it is over."""
    customers(shop, 8)
    mail.say_at("RCPT", *[reply] * 100)

    tried = []
    for _ in range(4):
        breaker.reset()
        tried.append(sending.send_due(100))

    assert (tried, sending.send_due(100)) == ([3, 1, 1, 1], 0)


@pytest.mark.parametrize("replies", [["550 a", "550 5.1.1 b", "551 c"], ["550 5.1.1 a", "550 5.1.2 b", "550 5.1.1 c"]])
def test_different_refusals_are_about_their_mails(shop: Shop, mail: MailServer, replies: list[str]) -> None:
    """Only the same one of several recipients is the server's."""
    notices = customers(shop, 4)
    mail.say_at("RCPT", *replies)

    sending.send_due(10)

    assert [shop.fresh(notice).status for notice in notices] == [GIVEN_UP] * 3 + [SENT]


def test_an_accepted_mail_between_them_makes_refusals_their_mails(shop: Shop, mail: MailServer) -> None:
    """The server works."""
    notices = customers(shop, 5)
    for bad in (0, 1, 3, 4):
        mail.answer_with("550 5.1.1 User unknown", to=notices[bad].recipient, times=None)

    sending.send_due(10)

    assert [shop.fresh(notice).status == GIVEN_UP for notice in notices] == [True, True, False, True, True]


def test_one_recipient_who_is_refused_again_and_again_is_not_everybody(shop: Shop, mail: MailServer) -> None:
    """Several mails to one customer are one recipient."""
    notices = [paid(shop, email="ann@example.com").notifications.get() for _ in range(4)]
    mail.say_at("RCPT", *["550 5.1.1 User unknown"] * 4)

    sending.send_due(10)

    assert {shop.fresh(notice).status for notice in notices} == {GIVEN_UP}


REFUSALS = [
    ("550 5.1.1 unknown", GIVEN_UP),
    ("550 5.1.10 null MX", GIVEN_UP),
    ("550 5.2.1 disabled", GIVEN_UP),
    ("552 5.2.3 too long", GIVEN_UP),
    ("552 5.3.4 too big for us", GIVEN_UP),
    ("554 5.6.0 malformed", GIVEN_UP),
    ("550 5.0.0 no", GIVEN_UP),
    ("550 5.1.1: no enhanced code", GIVEN_UP),
    ("552 5.2.2 mailbox full", QUEUED),
    ("550 4.2.1 not now", QUEUED),
    ("550 5.7.1 blocked", QUEUED),
    ("450 5.1.1 undecided", QUEUED),
]


@EITHER_WAY
@pytest.mark.parametrize("stage", ["RCPT", "DATA"])
@pytest.mark.parametrize(("reply", "status"), REFUSALS, ids=[reply for reply, _status in REFUSALS])
def test_the_enhanced_code_says_what_a_refusal_is_about(
    shop: Shop, mail: MailServer, notice: Notification, stage: str, reply: str, status: str
) -> None:
    """RFC 3463: only addresses, mailboxes and contents are the mail's."""
    mail.say_at(stage, reply)

    sending.send_due(10)

    assert shop.fresh(notice).status == status
    assert reply[:9] in shop.fresh(notice).error


@pytest.mark.parametrize(
    ("reply", "status"),
    [
        ("552 too big", GIVEN_UP),
        ("552 5.3.4 too big", GIVEN_UP),
        ("552 5.2.3 too big", GIVEN_UP),
        ("552 5.2.2 your quota", QUEUED),
        ("552 5.7.0 no", QUEUED),
        ("550 5.1.1 no such sender", QUEUED),
        ("452 no room", QUEUED),
    ],
)
def test_of_a_mail_the_server_knows_only_its_size_at_first(
    shop: Shop, mail: MailServer, notice: Notification, reply: str, status: str
) -> None:
    """All else that it refuses at MAIL is the sender's, who is the same for all mails."""
    mail.say_at("MAIL", reply)

    sending.send_due(10)

    assert shop.fresh(notice).status == status


@pytest.mark.parametrize(("accepted_h", "status"), [([], QUEUED), ([1], QUEUED), ([30], QUEUED), ([1, 30], GIVEN_UP)])
def test_a_mail_that_alone_is_refused_for_days_is_given_up(
    shop: Shop, mail: MailServer, notice: Notification, accepted_h: list[int], status: str
) -> None:
    """Not while the server is broken, nor as soon as it works again: it must have worked for others on both days."""
    for hours in accepted_h:
        younger = paid(shop, email=f"customer{hours}@example.com").notifications
        younger.update(status=SENT, send_after=None, sent_at=Now() - timedelta(hours=hours))
    mail.answer_with("554 5.7.1 blocked", times=None)
    sending.send_due(10)
    assert shop.fresh(notice).status == QUEUED
    Notification.objects.filter(pk=notice.pk).update(refused_since=Now() - timedelta(days=2, minutes=1))
    wait_over()

    sending.send_due(10)

    assert (shop.fresh(notice).status, shop.fresh(notice).error) == (status, "mail refused 554 5.7.1 blocked")


# --- the limits of the mail server ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("limits", "window"),
    [
        ({"EMAIL_MAX_PER_MINUTE": 2}, timedelta(minutes=1)),
        ({"EMAIL_MAX_PER_DAY": 2}, timedelta(days=1)),
        ({"EMAIL_MAX_PER_MINUTE": 9, "EMAIL_MAX_PER_DAY": 2}, timedelta(days=1)),
    ],
)
def test_no_more_mails_than_the_server_takes(
    shop: Shop,
    mail: MailServer,
    settings: Settings,
    caplog: pytest.LogCaptureFixture,
    limits: dict[str, int],
    window: timedelta,
) -> None:
    """The others wait unchanged, without a connection, until the first ones are old enough."""
    notices = [paid(shop, email=f"customer{number}@example.com").notifications.get() for number in range(3)]
    for name, limit in limits.items():
        setattr(settings, name, limit)

    assert [sending.send_due(10), sending.send_due(10)] == [2, 0]
    assert (len(mail.messages), mail.connections) == (2, 1)
    assert state_of(shop.fresh(notices[2])) == state_of(notices[2])
    assert "mail.limit_reached" in caplog.messages

    Notification.objects.filter(sent_at__isnull=False).update(sent_at=F("sent_at") - window + timedelta(seconds=20))
    assert sending.send_due(10) == 0
    Notification.objects.filter(sent_at__isnull=False).update(sent_at=F("sent_at") - timedelta(seconds=20))
    assert sending.send_due(10) == 1


@pytest.mark.postgres_too
def test_all_senders_share_a_limit(shop: Shop, mail: MailServer, settings: Settings) -> None:
    """What one of them has claimed is not free for the others, although it is not sent yet."""
    for number in range(8):
        paid(shop, email=f"customer{number}@example.com")
    settings.EMAIL_MAX_PER_MINUTE = 3

    at_once(*[lambda: sending.send_due(10)] * 3)

    assert len(mail.messages) == 3
    assert Notification.objects.filter(status=QUEUED, errors=0, claims=0).count() == 5


# --- what networks do ------------------------------------------------------------------------------------------------


def test_a_server_that_is_not_there_changes_no_mail(shop: Shop, mail: MailServer, notice: Notification) -> None:
    """Nobody listens: that is no mail's fault. None is claimed, none waits longer, all go out at the next try."""
    mail.stop()
    assert sending.send_due(10) == 0
    assert state_of(shop.fresh(notice)) == state_of(notice)

    mail.start()
    breaker.reset()
    sending.send_due(10)

    assert shop.fresh(notice).status == SENT
    assert len(mail.messages) == 1


@WITHOUT_TLS
def test_a_login_may_have_letters_of_any_language(shop: Shop, notice: Notification, settings: Settings) -> None:
    """It goes over the wire as UTF-8 (RFC 4616); smtplib would raise in the middle of the login."""
    settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "Änne", "pässwörd-€"
    with mail_server(settings, **only("Änne", "pässwörd-€")) as mail:
        sending.send_due(10)

    assert len(mail.messages) == 1


@WITHOUT_TLS
def test_a_token_is_read_again_at_each_login(
    shop: Shop, notice: Notification, settings: Settings, tmp_path: Path
) -> None:
    """It is valid for an hour, and another program replaces its file: no worker has to start again."""
    token = tmp_path / "token"
    settings.EMAIL_HOST_USER, settings.EMAIL_OAUTH2_TOKEN = "shop", "expired"
    settings.EMAIL_OAUTH2_TOKEN_FILE = str(token)
    with mail_server(settings, **only("shop", "fresh")) as mail:
        for content in (None, b"expired\n", b"\xff", b"fresh\n"):
            assert state_of(shop.fresh(notice)) == state_of(notice)
            if content is not None:
                token.write_bytes(content)
            breaker.reset()
            sending.send_due(10)

    assert [shop.fresh(notice).status, len(mail.messages)] == [SENT, 1]


def test_a_server_may_want_tls_from_the_first_byte(
    shop: Shop, notice: Notification, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And only one whose certificate is right gets a mail."""
    authority, context = trustme.CA(), ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    settings.EMAIL_USE_SSL = True
    with mail_server(settings, ssl_context=context) as mail:
        sending.send_due(10)
        assert state_of(shop.fresh(notice)) == state_of(notice)

        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
        breaker.reset()
        sending.send_due(10)

    assert len(mail.messages) == 1


def test_a_server_may_have_an_address_of_ipv6(shop: Shop, notice: Notification, settings: Settings) -> None:
    """As `EMAIL_HOST` keeps it: without brackets."""
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6")
    with mail_server(settings, host="::1") as mail:
        sending.send_due(10)

    assert len(mail.messages) == 1


@pytest.mark.parametrize("wrong", [{"EMAIL_HOST": "smtp..example.com"}, {"EMAIL_HELO_NAME": "кофейня"}])
def test_a_name_that_cannot_be_encoded_is_a_server_that_is_away(
    shop: Shop, mail: MailServer, notice: Notification, settings: Settings, wrong: dict[str, str]
) -> None:
    """Python raises ValueErrors for it. The start refuses such names, but a network may give the machine one later."""
    for name, value in wrong.items():
        setattr(settings, name, value)
    settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "shop", "hush"

    assert [sending.send_due(10) for _ in range(3)] == [0, 0, 0]

    assert state_of(shop.fresh(notice)) == state_of(notice)
    assert mail.connections <= 1


def test_a_server_that_is_away_is_asked_once_in_a_while(
    shop: Shop, mail: MailServer, notice: Notification, settings: Settings
) -> None:
    """Other threads, and nudges for other orders, need not find out for themselves."""
    mail.say_at("greeting", *["554 no service"] * 10)
    for _ in range(5):
        sending.send_due(10)
        sending.send_for(order_of(notice).pk, Kind.ORDER_CONFIRMATION)

    assert mail.connections == 1


@pytest.mark.parametrize("reply", ["554 no service for you", "421 too many connections"])
def test_a_server_that_greets_with_a_no_loses_no_mail(
    shop: Shop, mail: MailServer, notice: Notification, reply: str
) -> None:
    """Even a 5xx: it is about us, not about the mail."""
    mail.say_at("greeting", reply)
    assert sending.send_due(10) == 0
    assert state_of(shop.fresh(notice)) == state_of(notice)

    breaker.reset()
    sending.send_due(10)

    assert shop.fresh(notice).status == SENT


@EITHER_WAY
@pytest.mark.parametrize("stage", ["MAIL", "RCPT", "DATA"])
@pytest.mark.parametrize("reply", ["421 closing down", "451 try later", "530 log in first"])
def test_a_no_at_any_stage_delays_one_mail_and_doubles_none(
    shop: Shop, mail: MailServer, stage: str, reply: str
) -> None:
    """The next mail goes out in the same batch: over the same connection if it is still of use."""
    first, second = (paid(shop, email=f"{name}@example.com").notifications.get() for name in ("ann", "bert"))
    mail.say_at(stage, reply)

    assert sending.send_due(10) == 2

    put_off = shop.fresh(first)
    assert (put_off.status, put_off.errors, reply in put_off.error) == (QUEUED, 1, True)
    assert shop.fresh(second).status == SENT
    wait_over()
    sending.send_due(10)
    assert [each.recipients[0][:3] for each in mail.messages] == ["ber", "ann"]


@EITHER_WAY
@pytest.mark.parametrize(("stage", "reply"), [("RCPT", "550 nobody"), ("DATA", "554 no"), ("MAIL", "552 too big")])
def test_a_definite_no_at_any_stage_ends_one_mail(shop: Shop, mail: MailServer, stage: str, reply: str) -> None:
    """The connection is used on."""
    first, second = (paid(shop, email=f"{name}@example.com").notifications.get() for name in ("ann", "bert"))
    mail.say_at(stage, reply)

    sending.send_due(10)

    assert (shop.fresh(first).status, shop.fresh(second).status) == (GIVEN_UP, SENT)
    assert mail.connections == 1


@EITHER_WAY
def test_a_sender_whom_the_server_refuses_is_no_fault_of_the_mails(shop: Shop, mail: MailServer) -> None:
    """After three in a row the batch ends; the others were not touched, and nothing is given up."""
    notices = [paid(shop, email=f"customer{number}@example.com").notifications.get() for number in range(5)]
    mail.say_at("MAIL", *["550 bad sender domain"] * 10)

    assert sending.send_due(10) == 3

    assert [shop.fresh(notice).errors for notice in notices] == [1, 1, 1, 0, 0]
    assert [shop.fresh(notice).status for notice in notices] == [QUEUED] * 5
    assert [state_of(shop.fresh(notice)) for notice in notices[3:]] == [state_of(notice) for notice in notices[3:]]


@EITHER_WAY
def test_a_server_that_breaks_every_connection_ends_the_batch(shop: Shop, mail: MailServer) -> None:
    """Each try may cost a timeout; after three it is not the mails."""
    for number in range(5):
        paid(shop, email=f"customer{number}@example.com")
    mail.say_at("DATA", *["421 closing down"] * 10)

    assert sending.send_due(10) == 3
    assert mail.connections == 3


@EITHER_WAY
def test_a_connection_that_breaks_after_the_mail_was_taken_repeats_the_same_mail(
    shop: Shop, mail: MailServer, notice: Notification
) -> None:
    """Whether it arrived is not known. Silence would be worse than a second copy, and the Message-ID gives it away."""
    mail.drop()
    sending.send_due(10)
    assert shop.fresh(notice).status == QUEUED

    wait_over()
    sending.send_due(10)

    assert shop.fresh(notice).status == SENT
    assert [each.message["Message-ID"] for each in mail.messages] == [notice.message_id] * 2


@EITHER_WAY
def test_after_a_broken_connection_the_others_are_sent_over_a_new_one(shop: Shop, mail: MailServer) -> None:
    """In the same batch."""
    for name in ("ann", "bert", "carl"):
        paid(shop, email=f"{name}@example.com")
    mail.drop(to="ann@example.com")

    assert sending.send_due(10) == 3

    statuses = Notification.objects.order_by("id").values_list("status", flat=True)
    assert list(statuses) == [QUEUED, SENT, SENT]


@EITHER_WAY
@pytest.mark.parametrize("words", ["", "421 4.3.2 one mail per connection"])
def test_a_server_may_take_one_mail_per_connection(shop: Shop, mail: MailServer, words: str) -> None:
    """Whether it says so or not, its hang-up is no error of the next mail, and none is sent twice."""
    for number in range(5):
        paid(shop, email=f"customer{number}@example.com")
    mail.hang_up_with = words

    assert sending.send_due(10) == 5

    assert set(Notification.objects.values_list("status", "errors")) == {(SENT, 0)}
    assert sorted(each.recipients[0] for each in mail.messages) == [f"customer{n}@example.com" for n in range(5)]
    assert mail.connections == 5


@EITHER_WAY
@pytest.mark.parametrize(
    ("stage", "replies", "forgiven"),
    [("MAIL", 1, True), ("RCPT", 1, True), ("MAIL", 2, False), ("RCPT", 2, False), ("DATA", 1, False)],
)
def test_a_hang_up_is_forgiven_once(shop: Shop, mail: MailServer, stage: str, replies: int, forgiven: bool) -> None:
    """A new connection that fails in the same way, or a mail that was asked for, is a failure like every other."""
    first, second = (paid(shop, email=f"{name}@example.com").notifications.get() for name in ("ann", "bert"))
    with closing(Connection()) as open_connection:
        assert open_connection.ready()
        open_connection.send(message.of(first))
        mail.say_at(stage, *["421 closing down"] * replies)
        with nullcontext() if forgiven else pytest.raises(smtplib.SMTPException):
            open_connection.send(message.of(second))

    assert [each.recipients[0] for each in mail.messages] == ["ann@example.com", "bert@example.com"][: 1 + forgiven]


@EITHER_WAY
def test_a_mail_that_may_have_arrived_is_not_repeated_at_once(shop: Shop, mail: MailServer) -> None:
    """Not even on a connection that has carried others: the server had the whole mail when it hung up."""
    for name in ("ann", "bert"):
        paid(shop, email=f"{name}@example.com")
    mail.drop(to="bert@example.com")

    sending.send_due(10)

    assert [each.recipients[0][:3] for each in mail.messages] == ["ann", "ber"]
    assert list(Notification.objects.order_by("id").values_list("status", "errors")) == [(SENT, 0), (QUEUED, 1)]


def test_a_new_connection_that_takes_too_long_puts_the_mail_off(
    shop: Shop, mail: MailServer, settings: Settings
) -> None:
    """Its lease may end, and then another worker sends it too."""
    for name in ("ann", "bert"):
        paid(shop, email=f"{name}@example.com")
    mail.hang_up_with, settings.EMAIL_TIMEOUT_S = "", 0

    sending.send_due(10)

    assert [each.recipients[0][:3] for each in mail.messages] == ["ann"]
    assert list(Notification.objects.order_by("id").values_list("status", "errors")) == [(SENT, 0), (QUEUED, 1)]


@EITHER_WAY
def test_a_server_that_hangs_costs_its_timeout_and_no_more(
    shop: Shop, mail: MailServer, notice: Notification, settings: Settings
) -> None:
    """EMAIL_TIMEOUT bounds the wait for each answer; the mail is put off."""
    settings.EMAIL_TIMEOUT = 0.4
    mail.hang(30)

    began = time.monotonic()
    sending.send_due(10)

    assert time.monotonic() - began < 10
    put_off = shop.fresh(notice)
    assert (put_off.status, put_off.errors) == (QUEUED, 1)


def test_a_mail_whose_worker_died_is_sent_after_its_lease(shop: Shop, mail: MailServer, notice: Notification) -> None:
    """It may have been sent, or not: the same mail goes out (again)."""
    assert MAIL_QUEUE.claim_one(notice.pk)
    assert sending.send_due(10) == 0

    Notification.objects.update(send_after=F("send_after") - MAIL_QUEUE.lease)
    sending.send_due(10)

    assert shop.fresh(notice).status == SENT
    assert [each.message["Message-ID"] for each in mail.messages] == [notice.message_id]


# --- in doubt --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [Kind.ORDER_CONFIRMATION, Kind.SELLER_NOTIFICATION])
def test_a_group_whose_worker_died_is_sent_one_by_one(shop: Shop, mail: MailServer, kind: Kind) -> None:
    """One of them may have been sent already: a second copy is better than silence."""
    notices = [paid(shop).notifications.get() for _ in range(3)]
    Notification.objects.update(kind=kind)
    assert len(MAIL_QUEUE.claim_batch(3)) == 3
    lease_over()

    assert sending.send_due(10) == 3

    assert sorted(each.message["Message-ID"] for each in mail.messages) == sorted(each.message_id for each in notices)


@pytest.mark.postgres_too
def test_a_left_over_mail_is_claimed_when_it_is_its_turn(shop: Shop, mail: MailServer) -> None:
    """If the worker dies on a mail before it, that is not counted against it."""
    left_over = paid(shop).notifications.get()
    assert MAIL_QUEUE.claim_one(left_over.pk)
    lease_over()
    paid(shop, email="before@example.com")
    mail.hang(1.5, to="before@example.com")
    seen: list[int] = []

    at_once(lambda: sending.send_due(10), lambda: soon(mail, lambda: seen.append(shop.fresh(left_over).claims)))

    assert seen == [1]
    assert shop.fresh(left_over).status == SENT


def test_a_reminder_that_was_only_claimed_is_sent(shop: Shop, mail: MailServer) -> None:
    """Its worker died on another mail of the group: nothing is in doubt."""
    notice = reminder(shop)
    assert MAIL_QUEUE.claim_one(notice.pk)
    lease_over()

    sending.send_due(10)

    assert (shop.fresh(notice).status, len(mail.messages)) == (SENT, 1)


def test_a_reminder_in_doubt_is_held(shop: Shop, mail: MailServer, caplog: pytest.LogCaptureFixture) -> None:
    """Its worker died while it was being sent: a person may look, and nobody is reminded twice."""
    notice = reminder(shop)
    assert MAIL_QUEUE.claim_one(notice.pk)
    Notification.objects.update(sending_since=Now())
    lease_over()

    sending.send_due(10)

    held = shop.fresh(notice)
    assert (held.status, held.error, held.sending_since) == (
        GIVEN_UP,
        "it may have been sent: a worker did not come back",
        None,
    )
    assert (mail.messages, [record.message for record in caplog.records].count("mail.uncertain")) == ([], 1)


def test_a_reminder_without_an_answer_is_held(shop: Shop, mail: MailServer) -> None:
    """The connection broke after the mail was handed over."""
    notice = reminder(shop)
    mail.drop()

    sending.send_due(10)
    wait_over()
    sending.send_due(10)

    held = shop.fresh(notice)
    assert (held.status, held.error) == (GIVEN_UP, "it may have been sent: the mail server did not answer")
    assert len(mail.messages) == 1


@EITHER_WAY
@pytest.mark.parametrize("stage", ["MAIL", "RCPT", "DATA"])
def test_a_reminder_that_was_not_handed_over_is_tried_again(shop: Shop, mail: MailServer, stage: str) -> None:
    """Up to the end of the mail nothing is in doubt, whatever breaks."""
    notice = reminder(shop)
    mail.say_at(stage, "421 closing down")

    sending.send_due(10)
    assert (shop.fresh(notice).status, shop.fresh(notice).sending_since) == (QUEUED, None)
    wait_over()
    sending.send_due(10)

    assert shop.fresh(notice).status == SENT
    assert len(mail.messages) == 1


def test_a_mail_on_which_workers_die_is_given_up(shop: Shop, mail: MailServer, notice: Notification) -> None:
    """After three deaths a person must look."""
    for _ in range(3):
        assert MAIL_QUEUE.claim_one(notice.pk)
        lease_over()

    sending.send_due(10)

    given_up = shop.fresh(notice)
    assert (given_up.status, given_up.error) == (GIVEN_UP, "workers did not come back from sending it")
    assert mail.messages == []


@pytest.mark.postgres_too
def test_whoever_lost_the_claim_does_not_write(shop: Shop, mail: MailServer, notice: Notification) -> None:
    """A worker that slept through its lease: another one has the mail, and its outcome stands."""
    mail.hang(1.5)
    at_once(lambda: sending.send_due(10), lambda: soon(mail, lease_over))

    assert shop.fresh(notice).status == QUEUED
    sending.send_due(10)
    assert shop.fresh(notice).status == SENT


# --- mails that cannot be --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("facts", "error"),
    [
        ({"recipient": "ann"}, "the recipient is not an e-mail address"),
        ({"recipient": "ann@example.com\r\nRCPT TO:<eve@example.com>"}, "the recipient is not an e-mail address"),
        ({"recipient": '"an\vn"@example.com'}, "the recipient is not an e-mail address"),
        ({"message_id": "<a@☕.example>"}, "the domain of the Message-ID is not a domain name"),
        ({"recipient": "Ann <ann@example.com>, eve@example.com"}, "the recipient is not an e-mail address"),
        ({"subject": "Paid\r\nBcc: eve@example.com"}, "the subject cannot be a header: it has a line break or a"),
        ({"subject": "Paid\u2028Bcc: eve@example.com"}, "the subject cannot be a header: it has a line break or a"),
        ({"message_id": "<a@b>\nBcc: eve@example.com"}, "the Message-ID cannot be a header: it has a line break"),
    ],
)
def test_a_mail_that_no_server_could_take_is_given_up(
    shop: Shop, mail: MailServer, notice: Notification, facts: dict[str, str], error: str
) -> None:
    """At once, with a reason, without a word to the server about it; the mail behind it is sent."""
    behind = paid(shop).notifications.get()
    Notification.objects.filter(pk=notice.pk).update(**facts)

    assert sending.send_due(10) == 2

    given_up = shop.fresh(notice)
    assert (given_up.status, given_up.send_after) == (GIVEN_UP, None)
    assert given_up.error.startswith(error)
    assert shop.fresh(behind).status == SENT
    assert [each.recipients for each in mail.messages] == [("ann@example.com",)]


@pytest.mark.parametrize(
    ("domain", "wire"),
    [
        ("kaffeerösterei.example", "xn--kaffeersterei-omb.example"),
        ("Straße.example", "xn--strae-oqa.example"),  # not strasse.example, which somebody else may own
    ],
)
def test_a_domain_with_letters_of_its_own_is_the_same_everywhere(
    shop: Shop, mail: MailServer, settings: Settings, domain: str, wire: str
) -> None:
    """Of the recipient and of the sender: in the envelope, in the headers, and in the Message-ID."""
    settings.DEFAULT_FROM_EMAIL = f"Röster <shop@{domain}>"
    paid(shop, email=f"ann@{domain}")

    sending.send_due(10)

    [sent] = mail.messages
    assert (sent.sender, sent.recipients) == (f"shop@{wire}", (f"ann@{wire}",))
    assert [each.addr_spec for each in sent.message["To"].addresses] == [f"ann@{wire}"]
    assert [(each.display_name, each.addr_spec) for each in sent.message["From"].addresses] == [
        ("Röster", f"shop@{wire}")
    ]
    assert sent.message["Message-ID"].endswith(f"@{wire}>")


@pytest.mark.parametrize("domain", ["☕.example", "ex\u200dample.com"])
def test_no_mail_goes_to_what_is_no_domain(shop: Shop, mail: MailServer, notice: Notification, domain: str) -> None:
    """The row is from before such addresses were refused; the old codec would have written to example.com."""
    Notification.objects.update(recipient=f"ann@{domain}")

    sending.send_due(10)

    assert (shop.fresh(notice).status, mail.messages) == (GIVEN_UP, [])


@pytest.mark.parametrize(
    "name", ["Ann", "Анна Каренина", "مها الأحمد", "🦊 Fox", 'Ann "the Till" O\\Neil', "Söhne, Ann <b>"]
)
def test_a_name_stands_in_the_header_as_it_was_given(shop: Shop, mail: MailServer, name: str) -> None:
    """Encoded where it must be (RFC 2047)."""
    paid(shop, name=name)

    sending.send_due(10)

    [to] = mail.messages[0].message["To"].addresses
    assert (to.display_name, to.addr_spec) == (name, "ann@example.com")


@pytest.mark.parametrize("host", ["кофейня.рф", f"{'ü' * 40}.example"])
def test_a_message_id_is_one_line_of_ascii(shop: Shop, mail: MailServer, settings: Settings, host: str) -> None:
    """Whatever the sender's domain, and also in a row that has it in its own letters."""
    settings.DEFAULT_FROM_EMAIL = f"Кофейня <shop@{host}>"
    notice = paid(shop).notifications.get()
    assert notice.message_id.isascii()
    Notification.objects.filter(pk=notice.pk).update(message_id=f"<1.2.3@{host}>")
    local, _, domain = in_ascii(f"1.2.3@{host}").partition("@")

    head = mime.as_bytes(message.of(shop.fresh(notice))).split(b"\r\n\r\n")[0]

    assert f"\r\nMessage-ID: <{local}@{domain}>\r\n".encode() in head


@pytest.mark.parametrize("end", ["\r", "\n", "\r\n", "\r\r\n"])
def test_no_lone_carriage_return_goes_over_the_wire(shop: Shop, mail: MailServer, end: str) -> None:
    """Servers refuse the whole mail for one (RFC 5321, 2.3.8)."""
    notice = paid(shop).notifications.get()
    notice.text, notice.html = f"Main St{end}12=3", f"<p>Main St{end}12=3</p>"
    notice.attachment = ""

    wire = mime.as_bytes(message.of(notice))

    assert not re.search(rb"\r(?!\n)|(?<!\r)\n", wire)
    assert b"Main St\r\n" in wire


def test_texts_of_any_size_are_sent(shop: Shop, mail: MailServer) -> None:
    """Headers are cut and say so; the text stands whole, however long its lines are."""
    name, address = "Анна🦊" * 20, "z" * 100_000
    order = paid(shop)
    order.name, order.address = name, address
    Notification.objects.all().delete()

    queue.queue_order_confirmation(order)
    sending.send_due(10)

    [to] = mail.messages[0].message["To"].addresses
    # Python's parser keeps the space between two encoded words, which mail readers drop (RFC 2047, 6.2).
    assert to.display_name.replace(" ", "") == name[:59] + "…"
    assert name in text_of(mail.messages[0].message)
    assert address in text_of(mail.messages[0].message)
    assert address in text_of(mail.messages[0].message, "html")


# --- what stands in it -----------------------------------------------------------------------------------------------


def test_the_mail_speaks_the_language_of_the_order(shop: Shop, mail: MailServer) -> None:
    """Whoever ordered in Russian is written to in Russian, whatever language the worker speaks."""
    paid(shop, language="ru")
    paid(shop, language="en")
    sending.send_due(10)

    russian, english = (each.message for each in mail.messages)
    for part in (russian["Subject"], text_of(russian), text_of(russian, "html")):
        assert re.search("[а-яё]{4}", part, re.IGNORECASE)
    for part in (english["Subject"], text_of(english), text_of(english, "html")):
        assert not re.search("[а-яё]", part, re.IGNORECASE)


@pytest.mark.parametrize("name", ["Анна 🦊", "مها الأحمد", "<b>Ann</b> & Söhne", "Ann\r\nBcc: everybody@example.com"])
def test_a_name_stands_in_the_text_as_it_was_given(shop: Shop, mail: MailServer, name: str) -> None:
    """Neither escaped nor taken for a header."""
    paid(shop, name=name)

    sending.send_due(10)

    sent = mail.messages[0]
    assert sent.recipients == ("ann@example.com",)
    assert sent.message["Bcc"] is None
    lines = name.splitlines()
    assert all(line in text_of(sent.message) for line in lines)


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "<b>Ann</b>", '"><img src=x onerror=alert(1)>', "&lt;"])
def test_a_name_is_text_in_the_html_part_too(shop: Shop, mail: MailServer, name: str) -> None:
    """Whoever reads the mail sees the name, not what it wants to be."""
    paid(shop, name=name, address=name)

    sending.send_due(10)

    html = text_of(mail.messages[0].message, "html")
    assert html.count(escape(name)) == 2
    assert name not in html.replace(escape(name), "")


def test_a_mail_from_before_there_was_html_is_sent_as_text(shop: Shop, mail: MailServer, notice: Notification) -> None:
    """It was queued by an older version."""
    Notification.objects.update(html="", recipient_name="")

    sending.send_due(10)

    message = mail.messages[0].message
    assert (message.is_multipart(), message["To"]) == (False, "ann@example.com")


def test_the_mail_leads_to_the_order(shop: Shop, mail: MailServer, settings: Settings) -> None:
    """With the whole address: a mail has no page that it stands on."""
    settings.SHOP_URL = "https://shop.example.com"
    order = paid(shop)

    sending.send_due(10)

    assert f"https://shop.example.com/orders/{order.public_id}/" in text_of(mail.messages[0].message)
