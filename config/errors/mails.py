"""Error mails to the admins: never sent from the thread with the error, and never about the mail server.

Django's AdminEmailHandler does not fit. It puts the URL, the form and the settings into the mail, sends it in the
request's thread, and hides a failed send; its `emit` passes neither the ids of the record nor a way to group.
"""

import logging
import os
import platform
import smtplib
import threading
import time

from django.conf import settings
from django.core.mail import EmailMessage

from config.background import Background
from config.errors import uncaught
from config.errors.report import ErrorReport, error_in, report_of
from config.errors.scrubbing import known_secrets
from config.errors.throttle import Notice, Throttle
from config.mail_address import in_ascii

log = logging.getLogger(__name__)

QUEUE_SIZE = 100
"""Errors that may wait for their mail. Further ones are counted, and the next mail says how many."""

CHECK_EVERY_S = 30.0
"""Interval between two checks for errors whose next hour has begun."""

MAX_CHAIN_LINKS = 20
"""Links of an exception chain that are searched for a mail error; chains can be circles."""

THREAD = "error-mails"

PAUSE_S = 60.0
"""Pause after the mail server took no mail: each attempt may hang until EMAIL_TIMEOUT_S."""


class ErrorMails(logging.Handler):
    """Hands errors over to the background thread. Never blocks, never raises; does nothing without ADMIN_EMAILS."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            error = error_in(record)
            if error and settings.ADMIN_EMAILS and not settings.SENTRY_DSN and not _about_mail(error):
                postman.offer(report_of(record, error, known_secrets()))
        except Exception as error:
            uncaught.in_a_log_handler(error)


class Postman(Background[ErrorReport]):
    """Sends the mails from one thread of this process."""

    def __init__(self) -> None:
        super().__init__(THREAD, QUEUE_SIZE, every_s=CHECK_EVERY_S)
        self.sent = 0
        self._quiet_until = 0.0

    def begin(self) -> None:
        super().begin()
        self._throttle = Throttle(settings.ERROR_MAILS_PER_HOUR)

    def work(self, items: list[ErrorReport]) -> bool:
        """Mails of a past hour go first, so that they do not count the present error."""
        self._send_ready()
        for report in items:
            self._throttle.add(report, time.monotonic())
            self._send_ready()
        return True

    def _send_ready(self) -> None:
        for notice in self._throttle.ready(time.monotonic()):
            self._send(notice)

    def _send(self, notice: Notice) -> None:
        """Log a failure as a warning: an error would cause the next mail."""
        if time.monotonic() < self._quiet_until:
            return self._throttle.put_back(notice)
        try:
            _mail(notice, self.dropped).send()
            self.sent, self.dropped = self.sent + 1, 0
        except Exception as error:
            self._quiet_until = time.monotonic() + PAUSE_S
            self._throttle.put_back(notice)
            log.warning("error_mail.failed", extra={"error": type(error).__name__, "pause_s": PAUSE_S})
        return None


postman = Postman()


def _about_mail(error: BaseException | None) -> bool:
    """A mail about a failing mail server would fail as well."""
    for _ in range(MAX_CHAIN_LINKS):
        if isinstance(error, smtplib.SMTPException):
            return True
        error = error and (error.__cause__ or error.__context__)
    return threading.current_thread().name == THREAD


def _mail(notice: Notice, dropped: int) -> EmailMessage:
    who, kind, place = notice.group
    return EmailMessage(
        subject=f"[Tillkeeper] {who}: {kind} at {place}"[:200],
        body=_body(notice, dropped),
        from_email=in_ascii(settings.DEFAULT_FROM_EMAIL),
        to=[in_ascii(email) for email in settings.ADMIN_EMAILS],
        headers={"Auto-Submitted": "auto-generated"},
    )


def _body(notice: Notice, dropped: int) -> str:
    report = notice.report
    facts = {
        "What": f"{report.group.error}: {report.words}",
        "Who": f"{report.group.who} ({report.event})",
        "Where": f"{report.group.place}, on {platform.node()}, process {os.getpid()}",
        "Release": settings.RELEASE or "unknown (set RELEASE)",
        **report.ids,
    }
    lines = [f"{name + ':':<12}{value}" for name, value in facts.items()]
    return "\n".join([*lines, "", *_counts(notice, dropped), "Outermost call first:", *report.frames, ""])


def _counts(notice: Notice, dropped: int) -> list[str]:
    more = f"{notice.left_out} more of the same kind since the last mail about it."
    too_fast = f"{dropped} more errors of any kind came too fast to be reported."
    return [more] * bool(notice.left_out) + [too_fast] * bool(dropped)
