"""The mail about a day, to the managers: sent once at the most.

SMTP cannot promise that. So a mail is sent again only after a definite no: the connection was never made, or the server
refused. Where it may have arrived (a worker died while sending, or the connection broke), it is held as *uncertain*.
"""

import logging
import smtplib
from collections.abc import Sequence
from datetime import timedelta

from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.template.loader import render_to_string
from django.utils import translation

from commerce.metrics import MAILS
from commerce.models import DailyReport
from commerce.reports import csv_files
from commerce.reports.page import page
from config.due.backoff import backoff
from config.due.queue import Due, database_now

log = logging.getLogger(__name__)

REPORT_MAILS = Due(DailyReport, "mail_after", lease=timedelta(minutes=10))
"""One mail to some managers: as long as its slowest server may take for all of them, and generously so, because a lease
that ended early would only make the mail uncertain."""

BATCH = 20

REPORT = "report"
"""Its kind among the mails that are counted."""

FIRST_BACKOFF = timedelta(minutes=1)
LONGEST_BACKOFF = timedelta(hours=1)

State = DailyReport.MailState


class MailMayHaveArrived(Exception):
    """Nobody knows whether the server took it."""


def queue(report: DailyReport) -> bool:
    """Let the mail go out, if there never was one about this day; says whether it will."""
    fresh = DailyReport.objects.filter(pk=report.pk, mail_state=State.NONE)
    return bool(settings.REPORT_RECIPIENTS and fresh.update(mail_state=State.QUEUED, mail_after=database_now()))


def send_due(limit: int = BATCH) -> int:
    """Send the mails that are due, one claimed at a time; returns how many were worked on."""
    for done in range(limit):
        report = next(iter(REPORT_MAILS.claim_batch(1)), None) or REPORT_MAILS.claim_left_over()
        if report is None:
            return done
        REPORT_MAILS.work_on(report, _send)
    return limit


def compose(report: DailyReport, recipients: Sequence[str]) -> EmailMultiAlternatives:
    """The mail: text, the same with bars that every mail program can draw, and the numbers as a file."""
    with translation.override(settings.LANGUAGE_CODE):
        context = {**page(report), "shop_url": settings.SHOP_URL}
        subject = render_to_string("commerce/mail/report_subject.txt", context).strip()
        message = EmailMultiAlternatives(subject, render_to_string("commerce/mail/report.txt", context))
        message.attach_alternative(render_to_string("commerce/mail/report.html", context), "text/html")
    message.to = list(recipients)
    message.extra_headers = {"Message-ID": f"<report-{report.day}@{_domain()}>"}
    message.attach(f"report-{report.day}.csv", csv_files.of_day(report), "text/csv")
    return message


def _send(report: DailyReport) -> None:
    if report.claims > 1:
        return _end(report, State.UNCERTAIN, "a worker did not come back from sending it")
    if not settings.REPORT_RECIPIENTS:
        return _end(report, State.NONE, "")
    try:
        _hand_over(compose(report, settings.REPORT_RECIPIENTS))
    except MailMayHaveArrived as error:
        _end(report, State.UNCERTAIN, str(error))
    except (OSError, smtplib.SMTPException) as error:
        _refused(report, error)
    except Exception as error:  # it cannot be put together, and that will not change
        _end(report, State.GIVEN_UP, type(error).__name__)
        raise
    else:
        _end(report, State.SENT, "")
    return None


def _hand_over(message: EmailMultiAlternatives) -> None:
    """Raises MailMayHaveArrived if the connection broke after it was made; any other error is a definite no."""
    connection = get_connection()
    connection.open()
    try:
        connection.send_messages([message])
    except (smtplib.SMTPResponseException, smtplib.SMTPRecipientsRefused):
        raise
    except (OSError, smtplib.SMTPException) as error:
        raise MailMayHaveArrived(f"the connection broke ({type(error).__name__})") from error
    finally:
        _close(connection)


def _close(connection: BaseEmailBackend) -> None:
    """A server that is gone needs no goodbye, and the mail's fate is known by now."""
    try:
        connection.close()
    except (OSError, smtplib.SMTPException):
        log.info("mail.no_goodbye")


def _refused(report: DailyReport, error: Exception) -> None:
    """A 5xx is for a person to see; everything else is tried again, ever more seldom."""
    if _is_permanent(error):
        return _end(report, State.GIVEN_UP, _describe(error))
    with REPORT_MAILS.holding(report) as held:
        held.mail_error = _describe(error)
        REPORT_MAILS.put_off(held, backoff(held.errors, FIRST_BACKOFF, LONGEST_BACKOFF))
        held.save(update_fields=[*REPORT_MAILS.fields, "mail_error"])
    MAILS.labels(REPORT, "put_off").inc()
    log.warning("report.mail_put_off", extra={"day": report.day.isoformat(), "error": _describe(error)})
    return None


def _end(report: DailyReport, state: DailyReport.MailState, error: str) -> None:
    with REPORT_MAILS.holding(report) as held:
        REPORT_MAILS.done(held)
        held.mail_state, held.mail_error = state, error
        held.mailed_at = database_now() if state == State.SENT else None
        held.save(update_fields=[*REPORT_MAILS.fields, "mail_state", "mail_error", "mailed_at"])
    if state != State.NONE:
        MAILS.labels(REPORT, state.value).inc()
    level = logging.ERROR if error else logging.INFO
    log.log(level, f"report.mail_{state.value}", extra={"day": report.day.isoformat(), "error": error})


def _is_permanent(error: Exception) -> bool:
    """All managers refused for good, or the mail itself; not a wrong password, which somebody will set right."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return all(500 <= code < 600 for code, _text in error.recipients.values())
    refusals = (smtplib.SMTPSenderRefused, smtplib.SMTPDataError)
    return isinstance(error, refusals) and 500 <= error.smtp_code < 600


def _describe(error: Exception) -> str:
    """The server's code and the kind of error, without its text, which may quote an address."""
    return f"{type(error).__name__} {getattr(error, 'smtp_code', '')}".strip()


def _domain() -> str:
    return str(settings.DEFAULT_FROM_EMAIL).rpartition("@")[2].rstrip(">")
