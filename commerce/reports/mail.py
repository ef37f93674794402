"""The mail about a report: the numbers of a day for the managers of REPORT_RECIPIENTS."""

from django.conf import settings
from django.utils import translation

from commerce.mail import queue
from commerce.mail.content import MailContent, render
from commerce.models import DailyReport, Notification
from commerce.reports import csv_files
from commerce.reports.page import page


def queue_mails(report: DailyReport) -> int:
    """Queue a mail to each manager who has none about this day. Returns how many are new."""
    return queue.queue_report(report, write)


def write(report: DailyReport) -> MailContent:
    """The numbers as text, as HTML with bars that every mail program can draw, and as CSV."""
    with translation.override(settings.LANGUAGE_CODE):
        context = page(report)
    return render(Notification.Kind.REPORT, settings.LANGUAGE_CODE, context, csv_files.of_day(report))
