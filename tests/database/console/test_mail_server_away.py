"""A mail server that does not answer: everywhere an operator looks, from the first attempt on, in its own words."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import dramatiq
import pytest
from django.test import Client
from django.urls import reverse
from dramatiq import Worker as Threads
from pytest_django import Settings

from actors.models import Worker
from actors.operations.queries.mail import Outage, outage
from actors.operations.queries.workers import workers
from actors.runtime import running
from actors.runtime.heartbeat import Heartbeat
from commerce.mail import sending
from commerce.mail.connection import breaker
from commerce.models import Notification
from config.due.queue import database_now
from tests.backstage import mail as mail_to
from tests.consoles import fired_until, worker
from tests.faces import Faces, Found, Told
from tests.mailing import mail_server
from tests.shop import Shop
from tests.stack.mail import MailServer

HERE = {"name": running.worker_name()}


@contextmanager
def no_answer(settings: Settings, reply: str) -> Iterator[MailServer]:
    """A port where no program listens, or a server that greets with this reply."""
    with mail_server(settings) as server:
        if reply:
            server.say_at("greeting", *[reply] * 100)
        else:
            server.stop()
        yield server


def beat() -> None:
    """What this process knows reaches the database, as every two seconds; and no tick is missed by a slow test."""
    broker = dramatiq.get_broker()
    heartbeat = Heartbeat(broker, Threads(broker, worker_threads=1))
    heartbeat.start()
    heartbeat.stop()
    Worker.objects.filter(**HERE).update(stopped_at=None, seen_at=database_now() + timedelta(hours=1))
    fired_until(timedelta(0))


@pytest.mark.parametrize(
    ("reply", "why"),
    [("", "connection refused"), ("421 4.3.2 try later", "no service 421 4.3.2 try later")],
    ids=["a closed port", "421"],
)
def test_all_faces_say_it_at_once(
    shop: Shop, faces: Faces, boss: Client, settings: Settings, reply: str, why: str
) -> None:
    """After one attempt, with the time of it; also when the last attempt of many was much later."""
    with no_answer(settings, reply):
        shop.paid()
        due = Notification.objects.exclude(send_after=None).count()
        sending.send_due(10)
        beat()
        since = Worker.objects.get(**HERE).mail_away_since
        assert since is not None
        assert abs(database_now() - since) < timedelta(seconds=60)
        problem = "the mail server does not answer since {:%Y-%m-%d %H:%M} UTC ({}); {} due"
        assert faces.told() == Told({"mails": problem.format(since, why, due)}, {"MailServerAway"})

        page = boss.get(reverse("console:mail")).text
        assert "The mail server does not answer." in page
        assert why in page

        earlier = since - timedelta(hours=1)
        Worker.objects.filter(**HERE).update(mail_away_since=earlier)
        Notification.objects.exclude(send_after=None).update(send_after=earlier)
        fired_until(timedelta(0))
        assert faces.told().findings == {"mails": problem.format(earlier, why, due)}


def test_it_is_over_when_a_mail_is_sent(calm: None, shop: Shop, found: Found, settings: Settings) -> None:
    """By this worker; or by another one, while this one has nothing to try."""
    with no_answer(settings, "") as server:
        shop.paid()
        sending.send_due(10)
        beat()
        assert list(found()) == ["mails"]
        mail = Notification.objects.exclude(send_after=None).latest("pk")
        Notification.objects.filter(pk=mail.pk).update(sent_at=database_now(), status="sent", send_after=None)
        assert found() == {}

        Notification.objects.filter(pk=mail.pk).update(sent_at=None, status="queued", send_after=database_now())
        assert list(found()) == ["mails"]
        server.start()
        breaker.reset()  # its pause is over
        sending.send_due(10)
        beat()
        assert Worker.objects.get(**HERE).mail_away_since is None
        assert found() == {}


def test_an_outage_begins_after_the_last_mail_that_was_sent(calm: None, shop: Shop, found: Found) -> None:
    """One worker failed hours ago and has had nothing to try since; others have sent mails in the meantime."""
    order, _payment = shop.order()
    now = database_now()
    sent, _waiting = (mail_to(order, recipient) for recipient in ("ann@example.com", "bob@example.com"))
    Notification.objects.update(status="queued", send_after=now)
    hours_ago, just_now = now - timedelta(hours=4), now - timedelta(minutes=1)
    worker(name="host:2:old", mail_away_since=hours_ago, mail_failed_at=hours_ago, mail_error="connection refused")
    assert "connection refused" in found()["mails"]
    sent_at = now - timedelta(minutes=2)
    Notification.objects.filter(pk=sent.pk).update(sent_at=sent_at, status="sent", send_after=None)
    assert "mails" not in found()

    worker(name="host:3:new", mail_away_since=just_now, mail_failed_at=just_now, mail_error="no answer in time")
    assert outage(workers().living) == Outage(just_now, "no answer in time")
    Worker.objects.filter(name="host:2:old").update(mail_failed_at=just_now)  # it tries again, as if it never ended
    assert outage(workers().living) == Outage(sent_at, "no answer in time")


def test_a_server_that_refuses_answers(calm: None, shop: Shop, found: Found, settings: Settings) -> None:
    """Its refusals are another finding."""
    with mail_server(settings) as server:
        server.say_at("RCPT", *["554 5.7.1 Relay access denied"] * 100)
        shop.paid()
        sending.send_due(10)
        beat()
        assert not any("does not answer" in problem for problem in found().values())
