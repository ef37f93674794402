"""Mails: those that wait, and those that were given up."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet

from billing.admin.bases import page_of
from commerce.models import DailyReport, Notification
from commerce.notifications import MAILS, UNCERTAIN
from config.database.counts import Some, count_some
from config.due.queue import database_now

ROWS = 50

TROUBLED_REPORTS = (DailyReport.MailState.UNCERTAIN, DailyReport.MailState.GIVEN_UP)


@dataclass(frozen=True)
class Letter:
    """One mail in a list."""

    pk: int
    kind: str
    recipient: str
    error: str
    errors: int
    queued_at: datetime
    send_after: datetime | None
    address: str
    is_uncertain: bool
    """It may have arrived: sent again, it may arrive twice."""


@dataclass(frozen=True)
class ReportMail:
    """The mail about a day's report, if it is in trouble."""

    day: str
    state: str
    error: str
    address: str


@dataclass(frozen=True)
class Mail:
    """The page of mails."""

    queued: Some
    due: Some
    lag_s: float
    given_up: Some
    waiting: list[Letter]
    """Those that wait longest."""

    lost: list[Letter]
    """Those given up, the newest first."""

    reports: list[ReportMail]


def mail() -> Mail:
    """The numbers, and ROWS of each list."""
    now = database_now(MAILS.database)
    due = MAILS.due(now)
    oldest = due.values_list("send_after", flat=True).first()
    return Mail(
        queued=count_some(MAILS.appointments()),
        due=count_some(due),
        lag_s=(now - oldest).total_seconds() if oldest else 0.0,
        given_up=count_some(given_up()),
        waiting=[_letter(row) for row in MAILS.appointments().defer("text", "html")[:ROWS]],
        lost=[_letter(row) for row in given_up().order_by("-pk").defer("text", "html")[:ROWS]],
        reports=[_report_mail(row) for row in _troubled_reports()],
    )


def given_up() -> "QuerySet[Notification]":
    """The mails that nobody sends any more."""
    return Notification.objects.filter(status=Notification.Status.GIVEN_UP)


def _troubled_reports() -> "QuerySet[DailyReport]":
    """One row a day: years of them are read in no time."""
    return DailyReport.objects.filter(mail_state__in=TROUBLED_REPORTS).defer("numbers").order_by("-day")[:ROWS]


def _letter(row: Notification) -> Letter:
    return Letter(
        pk=row.pk,
        kind=row.get_kind_display(),
        recipient=row.recipient,
        error=row.error,
        errors=row.errors,
        queued_at=row.queued_at,
        send_after=row.send_after,
        address=page_of(Notification, row.pk),
        is_uncertain=row.error.startswith(UNCERTAIN),
    )


def _report_mail(row: DailyReport) -> ReportMail:
    return ReportMail(
        day=row.day.isoformat(),
        state=row.get_mail_state_display(),
        error=row.mail_error,
        address=page_of(DailyReport, row.pk),
    )
