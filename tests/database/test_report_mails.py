"""The mails about a day's report: one row and one mail for each manager, sent like every other mail."""

import re
from collections.abc import Iterator
from datetime import date, datetime
from email.message import EmailMessage
from io import StringIO

import dramatiq
import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from django.db.models import F
from django.db.models.functions import Now
from pytest_django import Settings

from commerce.mail import sending
from commerce.mail.connection import breaker
from commerce.mail.queue import MAIL_QUEUE, queue_report
from commerce.models import DailyReport, Notification
from commerce.reports import page
from commerce.reports import service as reports
from config import formats
from config.due.queue import database_now
from config.formats import span
from tests.mailing import mail_server
from tests.reporting import noon, order, product, yesterday
from tests.stack.mail import MailServer
from tests.threads import at_once

pytestmark = pytest.mark.sqlite_is_enough

ANN, BOB = "ann@example.com", "bob@example.com"
SENT, QUEUED, GIVEN_UP = Notification.Status.SENT, Notification.Status.QUEUED, Notification.Status.GIVEN_UP


@pytest.fixture
def mail(settings: Settings) -> Iterator[MailServer]:
    """The shop's mail server, and two managers who want to hear."""
    settings.REPORT_RECIPIENTS = [ANN, BOB]
    with mail_server(settings) as server:
        yield server


@pytest.fixture
def due(mail: MailServer) -> DailyReport:
    """The report of yesterday, whose mails are due."""
    order(at=noon(yesterday()), of=product("<b>Beans & =1+1</b>", "EUR", 1234))
    return reports.build(yesterday())


def mail_to(manager: str) -> Notification:
    """The one mail to this manager."""
    return Notification.objects.get(recipient=manager)


def outcomes() -> dict[str, tuple[str, str]]:
    """By manager: the status and the error."""
    return {mail.recipient: (mail.status, mail.error) for mail in Notification.objects.all()}


def wait_over() -> None:
    """As if the wait after an error were over."""
    Notification.objects.filter(send_after__isnull=False).update(send_after=Now())


def run(actor: str, *arguments: str) -> None:
    """The actor, as a worker would call it."""
    dramatiq.get_broker().get_actor(actor).fn(*arguments)


def command(*arguments: str) -> str:
    """`manage.py report …`: what it printed."""
    printed = StringIO()
    call_command("report", *arguments, stdout=printed)
    return printed.getvalue()


def part(message: EmailMessage, kind: str) -> str:
    """The text of one of its parts."""
    found = message.get_body((kind,))
    assert found is not None
    return str(found.get_content())


# --- sent once -------------------------------------------------------------------------------------------------------


def test_each_manager_gets_one_mail(mail: MailServer, due: DailyReport) -> None:
    """However often the sweeps come by, and however often the report is built."""
    for _ in range(3):
        run("generate_daily_report")
        run("build_missing_reports")
        run("send_pending_emails")
        reports.rebuild(due.day)

    assert sorted(sent.recipients for sent in mail.messages) == [(ANN,), (BOB,)]
    assert outcomes() == {ANN: (SENT, ""), BOB: (SENT, "")}
    assert mail_to(ANN).message_id != mail_to(BOB).message_id


@pytest.mark.postgres_too
def test_the_database_keeps_one_mail_per_report_and_manager(mail: MailServer, due: DailyReport) -> None:
    """And a mail is about an order or about a report."""
    facts = {"kind": "report", "subject": "s", "text": "t", "status": "sent", "message_id": "<again@example.com>"}
    for about in ({"report": due, "recipient": ANN}, {"recipient": "carl@example.com"}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Notification.objects.create(**facts, **about)
    with pytest.raises(IntegrityError), transaction.atomic():
        Notification.objects.filter(recipient=ANN).update(kind="order_confirmation")


@pytest.mark.postgres_too
def test_many_senders_at_once_send_each_mail_once(mail: MailServer, due: DailyReport) -> None:
    """One of them claims it."""
    at_once(*[lambda: sending.send_due(10)] * 4)

    assert sorted(sent.recipients for sent in mail.messages) == [(ANN,), (BOB,)]


def test_the_mail_says_the_same_three_times(mail: MailServer, due: DailyReport) -> None:
    """As text, as bars, and as a file; frozen when it was queued."""
    order(at=noon(yesterday()), of=product("Tea", "EUR", 5000))
    reports.rebuild(due.day)

    sending.send_due(10)

    message = next(sent.message for sent in mail.messages if sent.recipients == (ANN,))
    assert message["To"] == ANN
    assert message["Date"] is not None
    assert "1 order paid, €12.34" in str(message["Subject"])
    text, html = part(message, "plain"), part(message, "html")
    assert "Revenue: €12.34" in text
    assert "1 × <b>Beans & =1+1</b>, €12.34" in text
    assert "&lt;b&gt;Beans &amp; =1+1&lt;/b&gt;" in html
    assert re.search(r"width:100%;height:12px;background:#2a47b8", html)
    assert f"/reports/{due.day}/" in html
    [file] = message.iter_attachments()
    assert file.get_filename() == f"report-{due.day}.csv"
    assert "revenue,,1,12.34,EUR" in file.get_content()


# --- what mail servers say -------------------------------------------------------------------------------------------


def test_a_manager_whom_the_server_refuses_is_given_up_alone(mail: MailServer, due: DailyReport) -> None:
    """The other gets the mail, and the refusal is seen wherever a mail that was given up is seen."""
    mail.answer_with("550 no such user", to=BOB)

    sending.send_due(10)

    assert [sent.recipients for sent in mail.messages] == [(ANN,)]
    assert outcomes() == {ANN: (SENT, ""), BOB: (GIVEN_UP, "mail refused 550 no such user")}
    assert page.mails_to_managers(due) == "given up (1), sent (1)"


@pytest.mark.postgres_too
def test_a_manager_who_is_refused_at_once_is_given_up_alone(mail: MailServer, due: DailyReport) -> None:
    """Most servers refuse a mailbox that is not there before they take the mail."""
    mail.say_at("RCPT", "550 no such user")

    sending.send_due(10)

    assert outcomes() == {ANN: (GIVEN_UP, "recipient refused 550 no such user"), BOB: (SENT, "")}
    assert [sent.recipients for sent in mail.messages] == [(BOB,)]


def test_a_sender_whom_the_server_refuses_puts_the_mails_off(mail: MailServer, due: DailyReport) -> None:
    """As it does with every other mail: someone will set the sender right, and then they go out."""
    mail.say_at("MAIL", "550 bad sender domain", "550 bad sender domain")

    sending.send_due(10)
    assert outcomes() == {
        ANN: (QUEUED, "sender refused 550 bad sender domain"),
        BOB: (QUEUED, "sender refused 550 bad sender domain"),
    }

    wait_over()
    sending.send_due(10)
    assert outcomes() == {ANN: (SENT, ""), BOB: (SENT, "")}


@pytest.mark.parametrize(("reply", "status"), [("451 later", QUEUED), ("554 never", GIVEN_UP)])
def test_a_definite_no_is_believed(mail: MailServer, due: DailyReport, reply: str, status: str) -> None:
    """Later is later, never is for a person to see."""
    mail.answer_with(reply, times=2)

    sending.send_due(10)

    assert outcomes() == dict.fromkeys((ANN, BOB), (status, f"mail refused {reply}"))
    assert mail.messages == []


def test_a_mail_server_that_is_down_delays_the_mails(mail: MailServer, due: DailyReport) -> None:
    """They are not touched, and go out when it is back."""
    mail.stop()
    assert sending.send_due(10) == 0
    assert outcomes() == {ANN: (QUEUED, ""), BOB: (QUEUED, "")}
    mail.start()
    breaker.reset()

    sending.send_due(10)

    assert outcomes() == {ANN: (SENT, ""), BOB: (SENT, "")}


# --- in doubt: once, or not at all -----------------------------------------------------------------------------------


def test_a_mail_that_a_dead_worker_was_sending_is_held(mail: MailServer, due: DailyReport) -> None:
    """It may have arrived. Two mails about a day look like two sets of numbers."""
    assert MAIL_QUEUE.claim_one(mail_to(ANN).pk)
    Notification.objects.filter(recipient=ANN).update(
        sending_since=Now(), send_after=F("send_after") - MAIL_QUEUE.lease
    )

    sending.send_due(10)

    assert [sent.recipients for sent in mail.messages] == [(BOB,)]
    assert outcomes()[ANN] == (GIVEN_UP, "it may have been sent: a worker did not come back")
    assert queue_report(due, page.write_mail) == 0


def test_a_mail_whose_answer_was_lost_is_held(mail: MailServer, due: DailyReport) -> None:
    """The server took it, and nothing came back; the other manager's mail is not in doubt."""
    mail.drop(to=ANN)

    sending.send_due(10)
    wait_over()
    sending.send_due(10)

    assert sorted(sent.recipients for sent in mail.messages) == [(ANN,), (BOB,)]
    assert outcomes() == {ANN: (GIVEN_UP, "it may have been sent: the mail server did not answer"), BOB: (SENT, "")}
    assert page.mails_to_managers(due) == "it may have arrived, so it is not sent again (1), sent (1)"


# --- which days ------------------------------------------------------------------------------------------------------


def test_history_is_not_mailed(mail: MailServer) -> None:
    """The first start in an old shop builds years of reports."""
    order(at=noon(yesterday() - 9 * formats.DAY))

    run("generate_daily_report")

    mails = Notification.objects.filter(recipient=ANN).order_by("report__day")
    assert [one.report.day for one in mails if one.report] == span(yesterday() - 2 * formats.DAY, yesterday())


def test_without_managers_no_mail_is_written(settings: Settings) -> None:
    """The reports are there all the same."""
    settings.REPORT_RECIPIENTS = []
    order(at=noon(yesterday()))

    run("generate_daily_report")

    assert page.mails_to_managers(DailyReport.objects.get()) == "none"


def test_mails_to_managers_are_no_mails_to_customers(mail: MailServer, due: DailyReport) -> None:
    """A report counts what customers and sellers were written to."""
    Notification.objects.update(queued_at=noon(due.day))

    assert reports.rebuild(due.day).figures.mails == 0


# --- by hand ---------------------------------------------------------------------------------------------------------


def test_the_command_mails_what_was_never_mailed(mail: MailServer, settings: Settings) -> None:
    """And never the same twice; a manager who came later gets it too."""
    day = yesterday() - 20 * formats.DAY
    order(at=noon(day))

    first = command("--day", str(day), "--mail")
    assert f"report of {day} → {ANN}: sent\nreport of {day} → {BOB}: sent\n" in first
    assert command("--day", str(day), "--mail", "--rebuild").count(": sent") == 2
    assert len(mail.messages) == 2

    settings.REPORT_RECIPIENTS = [ANN, BOB, "carl@example.com"]
    command("--day", str(day), "--mail")
    assert [sent.recipients[0] for sent in mail.messages[2:]] == ["carl@example.com"]


def test_the_command_fails_if_a_manager_was_not_reached(mail: MailServer) -> None:
    """With the day, and the reason in the line of the mail."""
    day = yesterday() - 20 * formats.DAY
    order(at=noon(day))
    mail.answer_with("550 no such user", to=BOB)

    with pytest.raises(CommandError, match=f"Not sent to all managers: report of {day}"):
        command("--day", str(day), "--mail")


# --- from the release before -----------------------------------------------------------------------------------------


BEFORE = "0001_initial"


@pytest.fixture
def old_reports(settings: Settings) -> Iterator[None]:
    """The database as the release before left it: a report for each state of its mail, written by the old code."""
    settings.REPORT_RECIPIENTS = [ANN, BOB]
    call_command("migrate", "commerce", BEFORE, verbosity=0)
    try:
        with connection.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO commerce_dailyreport (day, numbers, built_at, mail_state, mail_after, mail_error, "
                "mailed_at, claims, errors, asked_by) VALUES (%s, '{}', %s, %s, %s, %s, %s, %s, 0, '')",
                [old_row(*facts) for facts in OLD_REPORTS],
            )
        call_command("migrate", verbosity=0)  # all of them: the test reads with the models of this release
        yield
    finally:
        call_command("migrate", verbosity=0)


OLD_REPORTS = [
    (1, "none", 0, ""),
    (2, "queued", 0, "SMTPDataError 451"),
    (3, "queued", 1, ""),
    (4, "sent", 0, ""),
    (5, "uncertain", 0, "it may have been sent: restored from a backup"),
    (6, "given_up", 0, "SMTPSenderRefused 550"),
]
"""Day of the month, state of the mail, claims, error."""


def old_row(day: int, state: str, claims: int, error: str) -> tuple[str | datetime | int | None, ...]:
    """The columns that the old code wrote."""
    now = database_now()
    due_at, sent_at = now if state == "queued" else None, now if state == "sent" else None
    return f"2026-03-{day:02}", now, state, due_at, error, sent_at, claims


@pytest.mark.usefixtures("old_reports")
def test_mails_of_the_release_before_become_rows() -> None:
    """What is due is sent once the old workers are gone; what they may be sending now is held."""
    mails = Notification.objects.filter(recipient=ANN).order_by("report__day")
    assert [(one.report.day.day, one.status, one.error) for one in mails if one.report] == [
        (2, QUEUED, "SMTPDataError 451"),
        (3, GIVEN_UP, "it may have been sent: the shop was upgraded meanwhile"),
        (4, SENT, ""),
        (5, GIVEN_UP, "it may have been sent: restored from a backup"),
        (6, GIVEN_UP, "SMTPSenderRefused 550"),
    ]
    assert Notification.objects.filter(recipient=BOB).count() == 5
    assert {one.text for one in mails.filter(report__day="2026-03-02")} == {
        "http://127.0.0.1:8000/reports/2026-03-02/\n"
    }
    assert sending.send_due(10) == 0


@pytest.mark.postgres_too
@pytest.mark.usefixtures("old_reports")
def test_old_and_new_code_write_reports_side_by_side() -> None:
    """New code knows no column of the old mails, and old code finds none of them due."""
    DailyReport.objects.create(day=date(2026, 4, 1), numbers={}, built_at=database_now())
    with connection.cursor() as cursor:
        cursor.execute("SELECT mail_state, claims FROM commerce_dailyreport WHERE day = '2026-04-01'")
        assert cursor.fetchone() == ("none", 0)
        cursor.execute("SELECT count(*) FROM commerce_dailyreport WHERE mail_after IS NOT NULL")
        assert cursor.fetchone() == (0,)
