"""Errors as mails to the admins: never from the thread that met the error, and never about the mail server."""

import logging
import os
import platform
import queue
import smtplib
import threading
import time
from dataclasses import dataclass, field
from functools import cache

from django.conf import settings
from django.core.mail import EmailMessage

from config.errors.groups import Groups, Telling
from config.errors.happened import Happened, error_in, happened
from config.errors.scrubbing import secrets_in

log = logging.getLogger(__name__)

QUEUE_SIZE = 100
"""Errors that may wait for their mail; whatever comes on top is counted, and the next mail says how many."""

LOOK_EVERY_S = 30.0
"""So often it is looked whether the hour of a group is over."""

LONGEST_CHAIN = 20
"""So far back it is looked whether an error came of one of the mail server; chains can be circles."""

THREAD = "error-mails"

PAUSE_S = 60.0
"""So long the mail server is left alone after it has taken none: each try may hang until EMAIL_TIMEOUT_S."""


class ErrorMails(logging.Handler):
    """Hands errors over to the background thread; never blocks, never raises. Does nothing without ADMIN_EMAILS."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            error = error_in(record)
            if error and settings.ADMIN_EMAILS and not settings.SENTRY_DSN and not _about_mail(error):
                postman.offer(happened(record, error, secrets()))
        except Exception:
            self.handleError(record)


@dataclass
class Postman:
    """Sends what it is handed from one thread of this process."""

    sent: int = 0
    dropped: int = 0
    _waiting: "queue.Queue[Happened]" = field(default_factory=lambda: queue.Queue(QUEUE_SIZE))
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _thread_of: int = 0
    _groups: Groups = field(default_factory=lambda: Groups(settings.ERROR_MAILS_PER_HOUR))
    _quiet_until: float = 0.0

    def offer(self, error: Happened) -> None:
        """Take it if there is room; a process that was forked gets a thread of its own."""
        self._ensure_thread()
        try:
            self._waiting.put_nowait(error)
        except queue.Full:
            self.dropped += 1

    def flush(self, timeout_s: float) -> None:
        """Wait until everything handed over so far was told or counted, for `timeout_s` at the most."""
        deadline = time.monotonic() + timeout_s
        while self._waiting.unfinished_tasks and time.monotonic() < deadline:
            time.sleep(0.01)

    def _ensure_thread(self) -> None:
        if self._thread_of == os.getpid():
            return
        with self._lock:
            if self._thread_of != os.getpid():
                self._waiting, self._groups = queue.Queue(QUEUE_SIZE), Groups(settings.ERROR_MAILS_PER_HOUR)
                threading.Thread(target=self._run, name=THREAD, daemon=True).start()
                self._thread_of = os.getpid()

    def _run(self) -> None:
        while True:
            try:
                self._take(self._waiting.get(timeout=LOOK_EVERY_S))
                self._waiting.task_done()
            except queue.Empty:
                for telling in self._groups.overdue(time.monotonic()):
                    self._tell(telling)

    def _take(self, error: Happened) -> None:
        now = time.monotonic()
        for telling in (*self._groups.overdue(now), self._groups.take(error, now)):
            if telling is not None:
                self._tell(telling)

    def _tell(self, telling: Telling) -> None:
        """Whatever goes wrong here is a warning, so no error can come of it."""
        if time.monotonic() < self._quiet_until:
            return self._groups.put_back(telling, time.monotonic())
        try:
            _mail(telling, self.dropped).send()
            self.sent, self.dropped = self.sent + 1, 0
        except Exception as error:
            self._quiet_until = time.monotonic() + PAUSE_S
            self._groups.put_back(telling, time.monotonic())
            log.warning("error_mail.failed", extra={"error": type(error).__name__, "pause_s": PAUSE_S})
        return None


postman = Postman()


@cache
def secrets() -> frozenset[str]:
    """What must never stand in a mail, whatever an exception says."""
    return frozenset(secrets_in({name: getattr(settings, name) for name in dir(settings) if name.isupper()}))


def _about_mail(error: BaseException | None) -> bool:
    """A mail that says that mails cannot be sent would not be sent either."""
    for _ in range(LONGEST_CHAIN):
        if isinstance(error, smtplib.SMTPException):
            return True
        error = error and (error.__cause__ or error.__context__)
    return threading.current_thread().name == THREAD


def _mail(telling: Telling, dropped: int) -> EmailMessage:
    who, kind, place = telling.group
    return EmailMessage(
        subject=f"[Tillkeeper] {who}: {kind} at {place}"[:200],
        body=_body(telling, dropped),
        to=settings.ADMIN_EMAILS,
        headers={"Auto-Submitted": "auto-generated"},
    )


def _body(telling: Telling, dropped: int) -> str:
    error = telling.error
    facts = {
        "What": f"{error.group.error}: {error.words}",
        "Who": f"{error.group.who} ({error.event})",
        "Where": f"{error.group.place}, on {platform.node()}, process {os.getpid()}",
        "Release": settings.RELEASE or "not told (RELEASE)",
        **error.ids,
    }
    lines = [f"{name + ':':<12}{value}" for name, value in facts.items()]
    return "\n".join([*lines, "", *_counts(telling, dropped), "Outermost call first:", *error.frames, ""])


def _counts(telling: Telling, dropped: int) -> list[str]:
    more = f"{telling.left_out} more of the same kind since the mail before; no mail told of them."
    too_fast = f"{dropped} further errors of any kind came too fast to be looked at."
    return [more] * bool(telling.left_out) + [too_fast] * bool(dropped)
