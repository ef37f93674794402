"""Mails that wait, mails that were given up, and a mail server that does not answer."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models.functions import Now

from actors.operations.queries.workers import WorkerProcess, workers
from commerce.mail.connection import breaker
from commerce.mail.queue import MAIL_QUEUE, mails_given_up, unsent_mails
from commerce.models import Notification
from commerce.models.notification import without_texts
from config.due import lag

ROWS = 50


@dataclass(frozen=True)
class Outage:
    """Mails wait, and the mail server does not answer the workers."""

    since: datetime
    error: str
    """What came of the last attempt, in the server's own words."""


@dataclass(frozen=True)
class Mail:
    outage: Outage | None
    queued: int
    due: int
    lag_s: float
    given_up: int
    waiting: list[Notification]
    """The mails with the longest wait."""

    lost: list[Notification]
    """The mails that were given up, newest first."""


def mail() -> Mail:
    """The counts, and ROWS of each list."""
    backlog, (queued, given_up) = lag.backlog(MAIL_QUEUE), unsent_mails()
    return Mail(
        outage=outage(workers().living) if queued else None,
        queued=queued,
        due=backlog.due,
        lag_s=backlog.lag_s,
        given_up=given_up,
        waiting=list(without_texts(MAIL_QUEUE.appointments())[:ROWS]),
        lost=list(without_texts(mails_given_up())[:ROWS]),
    )


def known_here() -> dict[str, Any]:
    """What this process knows of the mail server, for its heartbeat; the times are the database's."""
    if (found := breaker.outage) is None:
        return {"mail_away_since": None, "mail_failed_at": None, "mail_error": ""}
    began, failed = (Now() - timedelta(seconds=time.monotonic() - at) for at in (found.began, found.failed))
    return {"mail_away_since": began, "mail_failed_at": failed, "mail_error": found.error[:200]}


def outage(living: Sequence[WorkerProcess]) -> Outage | None:
    """From the workers' heartbeats. A worker tries only while mails are due, so a mail that another one has sent, or no
    mail that waits, ends what it knew: an outage begins after the last mail that was sent."""
    rows = [worker.row for worker in living]
    known = [(row.mail_failed_at, row.mail_error, row.mail_away_since) for row in rows if row.mail_away_since]
    if not known or not MAIL_QUEUE.appointments().exists():
        return None
    sent = Notification.objects.filter(sent_at__isnull=False).order_by("-sent_at")
    sent_at = sent.values_list("sent_at", flat=True).first() or datetime.min.replace(tzinfo=UTC)
    failures = [(at, error, since) for at, error, since in known if at and at > sent_at]
    if not failures:
        return None
    return Outage(max(sent_at, min(since for _at, _error, since in failures)), max(failures)[1])
