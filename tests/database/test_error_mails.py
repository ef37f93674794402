"""Errors as mails, over real SMTP: grouped, limited, and never in anybody's way."""

import logging
import smtplib
import time
from collections.abc import Iterator

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import path
from pytest_django.fixtures import Settings

from config.errors import mails
from config.errors.mails import ErrorMails, Postman
from tests.stack.mail import MailServer
from tests.stack.ports import wait_until

pytestmark = pytest.mark.sqlite_is_enough

ADMIN = "admin@example.com"
log = logging.getLogger("tests.errors")


def broken(request: HttpRequest, token: str) -> HttpResponse:
    """A view with a bug."""
    raise KeyError(request.POST["name"])


urlpatterns = [path("broken/<str:token>/", broken, name="broken")]


@pytest.fixture
def server() -> Iterator[MailServer]:
    """The mail server of the admins."""
    with MailServer() as running:
        yield running


@pytest.fixture
def postman(server: MailServer, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Postman]:
    """A shop that writes to its admins twice an hour about the same thing."""
    settings.EMAIL_BACKEND = "commerce.mail.smtp.EmailBackend"
    settings.EMAIL_PORT = server.port
    settings.ADMIN_EMAILS, settings.ERROR_MAILS_PER_HOUR = [ADMIN], 2
    settings.ROOT_URLCONF = __name__
    fresh, handler = Postman(), ErrorMails()
    monkeypatch.setattr(mails, "postman", fresh)
    monkeypatch.setattr(logging.getLogger(), "handlers", [*_others(), handler])
    yield fresh
    fresh.flush(20)


def _others() -> list[logging.Handler]:
    return [handler for handler in logging.getLogger().handlers if not isinstance(handler, ErrorMails)]


def fail_in_a_view(name: str = "Ann Smith") -> tuple[int, float]:
    """A customer meets the bug; returns the status and how long it took."""
    began = time.perf_counter()
    answer = Client(raise_request_exception=False).post("/broken/s3cret-token/", {"name": name})
    return answer.status_code, time.perf_counter() - began


def test_a_view_that_fails_is_told_once_and_without_what_the_request_held(
    postman: Postman, server: MailServer, settings: Settings
) -> None:
    """Which view, which class, where; never names, forms, or signed addresses."""
    settings.RELEASE = "1.2.3"
    assert fail_in_a_view()[0] == 500
    wait_until(lambda: server.messages, "the mail arrived")

    [mail] = server.messages
    assert mail.recipients == (ADMIN,)
    assert (mail.message["To"], mail.message["Date"] is not None) == (ADMIN, True)
    assert mail.message["Subject"].startswith("[Tillkeeper] broken: KeyError at tests/database/test_error_mails.py:")
    text = mail.message.get_content()
    assert "1.2.3" in text
    assert "raise KeyError" in text
    for hidden in ("Ann", "Smith", "s3cret-token", settings.SECRET_KEY):
        assert hidden not in text


def test_an_admins_domain_is_never_read_as_another_one(
    postman: Postman, server: MailServer, settings: Settings
) -> None:
    """The error goes to straße.example, not to strasse.example."""
    settings.ADMIN_EMAILS, settings.DEFAULT_FROM_EMAIL = ["ann@straße.example"], "Till <till@straße.example>"
    fail_in_a_view()
    postman.flush(20)

    [mail] = server.messages
    assert (mail.sender, mail.recipients) == ("till@xn--strae-oqa.example", ("ann@xn--strae-oqa.example",))


def test_the_same_error_is_mailed_so_often_an_hour(postman: Postman, server: MailServer) -> None:
    """Another kind of error is told all the same."""
    for _ in range(10):
        fail_in_a_view()
    try:
        int("x")
    except ValueError:
        log.exception("work.failed", extra={"payment": 17})
    postman.flush(20)

    subjects = [mail.message["Subject"].split(" at ")[0] for mail in server.messages]
    assert subjects == ["[Tillkeeper] broken: KeyError"] * 2 + ["[Tillkeeper] work.failed: ValueError"]
    assert "payment:    17" in server.messages[-1].message.get_content()


def test_what_was_left_out_is_told_later(postman: Postman, server: MailServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a mail of its own, when the hour of the group is over."""
    monkeypatch.setattr("config.errors.mails.CHECK_EVERY_S", 0.1)
    for _ in range(10):
        fail_in_a_view()
    postman.flush(20)
    monkeypatch.setattr("config.errors.throttle.WINDOW_S", 0.0)
    fail_in_a_view()
    postman.flush(20)

    wait_until(lambda: len(server.messages) >= 3, "the mail arrived")
    assert "7 more of the same kind" in server.messages[2].message.get_content()


def test_a_mail_server_that_hangs_holds_up_no_request(postman: Postman, server: MailServer, settings: Settings) -> None:
    """Its mail is sent from another thread; more errors than that one can hold are counted, not waited for."""
    server.hang(30)
    answers = [fail_in_a_view() for _ in range(30)]

    assert {status for status, _ in answers} == {500}
    assert max(seconds for _, seconds in answers) < settings.EMAIL_TIMEOUT
    assert server.messages == []


def test_errors_about_mails_are_not_mailed(postman: Postman, server: MailServer) -> None:
    """Not even where something else was raised because of one."""
    try:
        try:
            raise smtplib.SMTPServerDisconnected("it hung up")
        except OSError as error:
            raise RuntimeError("no mail") from error
    except RuntimeError:
        log.exception("mail.failed")
    postman.flush(20)

    assert server.connections == 0


def test_a_mail_server_that_is_away_is_left_alone(
    postman: Postman, server: MailServer, caplog: pytest.LogCaptureFixture
) -> None:
    """One try and one warning; what could not be told is counted in the next mail."""
    server.stop()
    for _ in range(5):
        fail_in_a_view()
    postman.flush(20)
    assert caplog.messages.count("error_mail.failed") == 1
    assert (postman.sent, server.messages) == (0, [])


def test_more_errors_than_can_wait_are_counted(postman: Postman, server: MailServer) -> None:
    """Memory is bounded."""
    server.hang(3)
    for _ in range(mails.QUEUE_SIZE + 50):
        try:
            int("x")
        except ValueError:
            log.exception("work.failed")
    assert postman.dropped > 0
    postman.flush(20)


def test_without_admins_or_with_sentry_nobody_is_written_to(
    postman: Postman, server: MailServer, settings: Settings
) -> None:
    """The log is enough, or Sentry is."""
    settings.ADMIN_EMAILS = []
    fail_in_a_view()
    settings.ADMIN_EMAILS, settings.SENTRY_DSN = [ADMIN], "https://key@sentry.example/1"
    fail_in_a_view()
    postman.flush(20)
    assert server.connections == 0
