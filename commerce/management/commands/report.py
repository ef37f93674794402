"""`manage.py report`: builds, rebuilds and mails daily reports."""

from datetime import date
from typing import Any

from django.conf import settings
from django.core.management.base import CommandParser

from commerce.errors import CannotReport
from commerce.mail import sending
from commerce.mail.queue import queue_report
from commerce.models import DailyReport, Notification
from commerce.models.notification import without_texts
from commerce.reports import days
from commerce.reports import service as reports
from commerce.reports.page import write_mail
from config.cli.arguments import add_days
from config.cli.arguments import days as asked_for
from config.cli.command import Command as Base
from config.cli.command import NoAnswer, SomethingLeft, progress_bar
from config.due.queue import database_now


class Command(Base):
    changes = True
    help = (
        "Builds the reports of closed days; without options the missing ones. Write days like 2026-03-29. They are "
        "days of SHOP_TIME_ZONE."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        add_days(parser, "the last day that is over")
        parser.add_argument(
            "--rebuild", action="store_true", help="count days with a report again; without a day, all of them"
        )
        parser.add_argument(
            "--mail", action="store_true", help="mail reports to managers who have not got them; no report twice"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["mail"] and not settings.REPORT_RECIPIENTS:
            raise NoAnswer("REPORT_RECIPIENTS is empty, so there are no recipients. Set it.")
        try:
            wanted = _wanted(options)
        except CannotReport as error:
            raise NoAnswer(str(error)) from error
        for number, day in enumerate(wanted, start=1):
            report = reports.rebuild(day) if options["rebuild"] else reports.build(day)
            if options["mail"]:
                queue_report(report, write_mail)
            self._progress(number, len(wanted), report)
        if not wanted:
            self.stdout.write("Every closed day has its report.")
        if options["mail"]:
            self._mail(wanted)

    def _progress(self, number: int, total: int, report: DailyReport) -> None:
        """A progress bar on a terminal, else a line for each day."""
        numbers = report.figures
        line = f"{report.day}  placed {numbers.placed}  paid {numbers.paid}"
        if total == 1 or not self.stdout.isatty():
            self.stdout.write(line)
            return
        self.stdout.write(progress_bar(number, total, line), ending="\n" if number == total else "")
        self.stdout.flush()

    def _mail(self, wanted: list[date]) -> None:
        """Send now, and print the state of each mail. Raises SomethingLeft if one was not sent."""
        sending.send_reports()
        unsent = set()
        mails = Notification.objects.filter(report__day__in=wanted).order_by("report__day", "pk")
        for mail in without_texts(mails):
            self.stdout.write(f"{mail.title} → {mail.recipient}: {mail.get_status_display()}  {mail.error}".rstrip())
            unsent |= {mail.title} if mail.status != Notification.Status.SENT else set()
        if unsent:
            raise SomethingLeft(f"Not sent to all managers: {', '.join(sorted(unsent))}.")


def _wanted(options: dict[str, Any]) -> list[date]:
    """The days to build. Raises CannotReport if one of them cannot have a report."""
    now = database_now()
    wanted = asked_for(options, days.last_closed(now))
    if not wanted:
        return reports.closed_days(now) if options["rebuild"] else reports.missing_days(now)
    for day in (wanted[0], wanted[-1]):
        reports.check_day(day, now)
    return wanted
