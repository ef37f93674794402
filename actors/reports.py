"""Reports."""

import logging
from datetime import date

import dramatiq

from actors.queues import ROUTINE
from commerce import reports, reports_mail
from commerce.errors import CannotReport
from config.due import database_now
from config.nudges import nudge

log = logging.getLogger(__name__)


@dramatiq.actor(**ROUTINE)
def generate_daily_report(day: str | None = None) -> None:
    """The report of one closed day (like 2026-03-29), or of every closed day that has none, and their mails."""
    if day is None:
        if reports.build_missing(database_now()) == reports.BATCH:
            nudge("generate_daily_report")
    else:
        _build_one(day)
    reports_mail.send_due()


@dramatiq.actor(**ROUTINE)
def send_daily_reports() -> None:
    """The sweep: what a lost message or another midnight than UTC's left to build, and every due mail."""
    generate_daily_report.fn()


def _build_one(day: str) -> None:
    """A day that cannot be reported on will not become one by trying again."""
    try:
        reports.build(date.fromisoformat(day))
    except (ValueError, CannotReport) as error:
        log.error("report.refused", extra={"day": day[:32], "error": str(error)})
