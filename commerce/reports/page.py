"""The page and the mail of a report: their template values, in the reader's language."""

from collections import Counter
from typing import Any

from django.conf import settings
from django.utils import translation
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from billing.models import AskedBy
from commerce.mail.content import MailContent, render
from commerce.models import DailyReport, Notification
from commerce.models.notification import without_texts
from commerce.models.report_numbers import Numbers
from commerce.reports import csv_files
from config import charts
from config.charts import Part, Series, shares
from config.formats import localized, percent


def page(report: DailyReport) -> dict[str, Any]:
    """Everything that the templates need, except the charts."""
    numbers = report.figures
    return {
        "report": report,
        "numbers": numbers,
        "conversion": "–" if numbers.conversion is None else percent(numbers.conversion),
        "median": localized(numbers.median_s),
        "outcomes": shares(outcomes(numbers)),
        "found_by": shares(found_by(numbers)),
        "mails": shares(mails(numbers)),
        "products": [(sold, sold.quantity / numbers.products[0].quantity * 100) for sold in numbers.products],
    }


def write_mail(report: DailyReport) -> MailContent:
    """The numbers as text, as HTML with bars that every mail program can draw, and as CSV."""
    with translation.override(settings.REPORT_LANGUAGE):
        context = page(report)
    return render(Notification.Kind.REPORT, settings.REPORT_LANGUAGE, context, csv_files.of_day(report))


def day_charts(numbers: Numbers) -> dict[str, Any]:
    """The page's charts."""
    placed = Series(pgettext("orders", "placed"), "c2", [hour.placed for hour in numbers.hours])
    paid = Series(pgettext("orders", "paid"), "c1", [hour.paid for hour in numbers.hours])
    labels = [hour.label for hour in numbers.hours]
    return {
        "hours_chart": charts.bars(_("Orders by hour"), labels, [placed, paid], every=3),
        "outcomes_chart": charts.stacked(_("Outcome of the orders placed"), outcomes(numbers)),
        "found_by_chart": charts.stacked(_("How we learned that an order was paid"), found_by(numbers)),
        "mails_chart": charts.stacked(_("Mails to customers"), mails(numbers)),
    }


def days_chart(reports: list[DailyReport]) -> str:
    """Orders of many days, oldest first."""
    numbers = [report.figures for report in reports]
    placed = Series(pgettext("orders", "placed"), "c2", [one.placed for one in numbers])
    paid = Series(pgettext("orders", "paid"), "c1", [one.paid for one in numbers])
    labels = [date_format(report.day, "j M") for report in reports]
    return charts.bars(_("Orders of the last days"), labels, [placed, paid], every=max(1, -(-len(labels) // 5)))


def outcomes(numbers: Numbers) -> list[Part]:
    """The outcome of the orders placed that day."""
    return [
        Part(pgettext("orders", "paid"), "c1", numbers.placed_paid),
        Part(pgettext("orders", "cancelled"), "c3", numbers.placed_canceled),
        Part(pgettext("orders", "expired"), "c4", numbers.placed_expired),
        Part(pgettext("orders", "still open"), "c2", numbers.placed_open),
    ]


def found_by(numbers: Numbers) -> list[Part]:
    """Orders by what asked for the check that found them paid: three ways always, the others if not 0."""
    words = {
        AskedBy.CALLBACK: _("the provider's callback"),
        AskedBy.SCHEDULE: _("our scheduled check"),
        AskedBy.RETURN: _("the customer's return"),
        AskedBy.OPERATOR: _("an operator"),
        AskedBy.CHECKOUT: _("the checkout"),
        AskedBy.CUSTOMER: _("the customer's cancellation"),
        AskedBy.RECONCILIATION: _("the nightly comparison with the provider"),
    }
    always = (AskedBy.CALLBACK, AskedBy.SCHEDULE, AskedBy.RETURN)
    known = [
        Part(word, f"c{min(place, 5)}", numbers.found_by.get(who.value, 0))
        for place, (who, word) in enumerate(words.items(), start=1)
        if who in always or numbers.found_by.get(who.value)
    ]
    return known + [Part(who, "c5", number) for who, number in numbers.found_by.items() if who not in AskedBy.values]


def mails(numbers: Numbers) -> list[Part]:
    """The state of the mails written that day."""
    return [
        Part(pgettext("mails", "sent"), "c1", numbers.mails_sent),
        Part(pgettext("mails", "given up"), "c3", numbers.mails_given_up),
        Part(pgettext("mails", "waiting"), "c2", numbers.mails_waiting),
    ]


def mails_to_managers(report: DailyReport) -> str:
    """The state of the mails about a report: "sent", or "sent (2), given up (1)" if they differ."""
    words = Counter(_mail_word(mail) for mail in without_texts(report.notifications.all()))
    if len(words) > 1:
        return ", ".join(f"{word} ({number})" for word, number in sorted(words.items()))
    return next(iter(words), pgettext("mail to the managers", "none"))


def _mail_word(mail: Notification) -> str:
    if mail.is_uncertain:
        return pgettext("mail to the managers", "it may have arrived, so it is not sent again")
    words = {
        Notification.Status.QUEUED: pgettext("mail to the managers", "not sent yet"),
        Notification.Status.SENT: pgettext("mail to the managers", "sent"),
        Notification.Status.GIVEN_UP: pgettext("mail to the managers", "given up"),
    }
    return words[Notification.Status(mail.status)]
