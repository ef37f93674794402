"""Reports."""

import logging
from datetime import date

import dramatiq

from actors.queues import ROUTINE
from commerce import reports_mail
from commerce.errors import CannotReport
from commerce.reports import service as reports
from config.due.queue import database_now
from config.messaging.nudges import nudge

log = logging.getLogger(__name__)


@dramatiq.actor(**ROUTINE)
def generate_daily_report(day: str | None = None) -> int:
    """The report of one closed day (like 2026-03-29), or of every closed day that has none, and their mails."""
    built = _build_missing() if day is None else _build_one(day)
    return built + reports_mail.send_due()


@dramatiq.actor(**ROUTINE)
def send_daily_reports() -> int:
    """The sweep: what a lost message or another midnight than UTC's left to build, and every due mail."""
    return int(generate_daily_report.fn())


def _build_missing() -> int:
    built = reports.build_missing(database_now())
    if built == reports.BATCH:
        nudge("generate_daily_report")
    return built


def _build_one(day: str) -> int:
    """A day that cannot be reported on will not become one by trying again."""
    try:
        reports.build(date.fromisoformat(day))
    except (ValueError, CannotReport) as error:
        log.error("report.refused", extra={"day": day[:32], "error": str(error)})
    return 1
