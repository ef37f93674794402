"""Daily reports by hand: one day, many days, again, and their mails."""

from datetime import date
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from commerce import days, reports, reports_mail
from commerce.errors import CannotReport
from commerce.models import DailyReport
from config.dates import span
from config.due import database_now

BAR = 30


class Command(BaseCommand):
    help = (
        "Builds the reports of closed days; without options those that are missing. Days are written like 2026-03-29, "
        "and are those of SHOP_TIME_ZONE."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--day", type=_day, help="one day")
        parser.add_argument("--from", type=_day, dest="first", help="the first of several days")
        parser.add_argument(
            "--to", type=_day, dest="last", help="the last of them; otherwise the last day that is over"
        )
        parser.add_argument(
            "--rebuild", action="store_true", help="count days again that have a report; without a day, all"
        )
        parser.add_argument("--mail", action="store_true", help="mail reports that were never mailed; never one twice")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["mail"] and not settings.REPORT_RECIPIENTS:
            raise CommandError("REPORT_RECIPIENTS is empty, so there is nobody to mail to. Set it.")
        try:
            wanted = _wanted(options)
        except CannotReport as error:
            raise CommandError(str(error)) from error
        for number, day in enumerate(wanted, start=1):
            report = reports.rebuild(day) if options["rebuild"] else reports.build(day)
            if options["mail"]:
                reports_mail.queue(report)
            self._progress(number, len(wanted), report)
        if not wanted:
            self.stdout.write("Every closed day has its report.")
        if options["mail"]:
            self._mail(wanted)

    def _progress(self, number: int, total: int, report: DailyReport) -> None:
        """A bar on a terminal, a line for each day elsewhere."""
        numbers = report.figures
        line = f"{report.day}  placed {numbers.placed}  paid {numbers.paid}"
        if total == 1 or not self.stdout.isatty():
            self.stdout.write(line)
            return
        filled = BAR * number // total
        bar = f"\r[{'#' * filled}{'.' * (BAR - filled)}] {number}/{total}  {line}\033[K"
        self.stdout.write(bar, ending="\n" if number == total else "")
        self.stdout.flush()

    def _mail(self, wanted: list[date]) -> None:
        """Send now, and say what became of each; fails if one of them did not go out."""
        while reports_mail.send_due() == reports_mail.BATCH:
            pass
        held = []
        for report in DailyReport.objects.filter(day__in=wanted).order_by("day"):
            self.stdout.write(f"{report.day}  mail {report.get_mail_state_display()}  {report.mail_error}".rstrip())
            held += [report.day] if report.mail_state != DailyReport.MailState.SENT else []
        if held:
            raise CommandError(f"Not mailed: {', '.join(map(str, held))}.")


def _wanted(options: dict[str, Any]) -> list[date]:
    """The days to build. Raises CannotReport if one of them has no report."""
    now = database_now()
    one, first, last = options["day"], options["first"], options["last"]
    if one and (first or last):
        raise CannotReport("Write either --day or --from and --to.")
    if last and not first:
        raise CannotReport("Write --from too: the first of the days.")
    if not (one or first):
        return reports.closed_days(now) if options["rebuild"] else reports.missing_days(now)
    first, last = one or first, one or last or days.last_closed(now)
    for day in (first, last):
        reports.check_day(day, now)
    if first > last:
        raise CannotReport(f"--from {first} is after --to {last}.")
    return span(first, last)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise CommandError(f"{text!r} is no day: write one like 2026-03-29.") from None
