"""Mails: those that wait, and those that were given up."""

from dataclasses import dataclass

from django.db.models import QuerySet

from commerce.gauges import mails_given_up, unsent_mails
from commerce.models import DailyReport, Notification
from commerce.notifications import MAILS, UNCERTAIN
from config.due import lag

ROWS = 50

TROUBLED_REPORTS = (DailyReport.MailState.UNCERTAIN, DailyReport.MailState.GIVEN_UP)


@dataclass(frozen=True)
class Mail:
    """The page of mails."""

    queued: int
    due: int
    lag_s: float
    given_up: int
    waiting: list[Notification]
    """The mails that wait longest."""

    lost: list[Notification]
    """The mails that were given up, the newest first."""

    uncertain: list[int]
    """The numbers of those that may have arrived: sent again, they may arrive twice."""

    reports: list[DailyReport]
    """Days whose report's mail is in trouble."""


def mail() -> Mail:
    """The numbers, and ROWS of each list."""
    backlog, (queued, given_up) = lag.backlog(MAILS), unsent_mails()
    lost = list(mails_given_up().defer("text", "html")[:ROWS])
    return Mail(
        queued=queued,
        due=backlog.due,
        lag_s=backlog.lag_s,
        given_up=given_up,
        waiting=list(MAILS.appointments().defer("text", "html")[:ROWS]),
        lost=lost,
        uncertain=[row.pk for row in lost if row.error.startswith(UNCERTAIN)],
        reports=list(_troubled_reports()),
    )


def _troubled_reports() -> QuerySet[DailyReport]:
    """One row a day: the table stays small for years."""
    return DailyReport.objects.filter(mail_state__in=TROUBLED_REPORTS).defer("numbers").order_by("-day")[:ROWS]
