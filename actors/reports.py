"""Reports."""

import logging
from datetime import date

import dramatiq

from actors.queues import ROUTINE
from commerce.errors import CannotReport
from commerce.reports import service as reports
from config.due.queue import database_now
from config.messaging.nudges import nudge

log = logging.getLogger(__name__)


@dramatiq.actor(**ROUTINE)
def generate_daily_report(day: str | None = None) -> int:
    """The report of one closed day (like 2026-03-29), or of every closed day that has none."""
    return _build_missing() if day is None else _build_one(day)


@dramatiq.actor(**ROUTINE)
def build_missing_reports() -> int:
    """The sweep: builds reports that a lost message left out, or that another midnight than UTC's needs."""
    return _build_missing()


def _build_missing() -> int:
    built = reports.build_missing(database_now())
    if built == reports.BATCH:
        nudge("generate_daily_report")
    return built


def _build_one(day: str) -> int:
    """A day without a possible report will not change with another attempt."""
    try:
        reports.build(date.fromisoformat(day))
    except (ValueError, CannotReport) as error:
        log.error("report.refused", extra={"day": day[:32], "error": str(error)})
    return 1
