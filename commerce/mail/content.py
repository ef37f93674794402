"""The content of mails: rendered once, when a mail is queued."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from django.conf import settings
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.text import Truncator

from commerce.models import DailyReport, Notification, Order, OrderLine
from commerce.reports import csv_files
from commerce.reports.page import page
from commerce.reviews import links
from commerce.reviews.links import Subject

SUBJECT_CHARS = 150
"""Mail programs show about a third of this; the column holds more."""


@dataclass(frozen=True)
class MailContent:
    """Subject, text and HTML of a mail, and a CSV attachment."""

    subject: str
    text: str
    html: str
    attachment: str = ""


def of_order(
    kind: Notification.Kind, language: str, name: str, order: Order, lines: Sequence[OrderLine], **facts: object
) -> MailContent:
    """A mail about these lines of the order, to a recipient of this name and language.

    `facts` are further values for the templates.
    """
    context = {"name": name, "order": order, "lines": lines, **facts, **_reminder_facts(kind, lines)}
    return _render(kind, language, context)


def of_report(report: DailyReport) -> MailContent:
    """The numbers of a day: text, HTML with bars that every mail program can draw, and CSV."""
    with translation.override(settings.LANGUAGE_CODE):
        context = page(report)
    return _render(Notification.Kind.REPORT, settings.LANGUAGE_CODE, context, csv_files.of_day(report))


def in_one_line(text: str, chars: int) -> str:
    """Remove line breaks and control characters; cut a text that is too long for a header, with an ellipsis.

    >>> in_one_line("Ann\\r\\nBcc: eve@example.com", 12)
    'Ann Bcc: ev…'
    """
    harmless = "".join(" " if is_control(each) else each for each in text)
    return Truncator(" ".join(harmless.split())).chars(chars)


def is_control(character: str) -> bool:
    """True for Unicode's control characters, line and paragraph separators, and surrogates."""
    return unicodedata.category(character) in {"Cc", "Zl", "Zp", "Cs"}


def _render(kind: Notification.Kind, language: str, context: dict[str, object], attachment: str = "") -> MailContent:
    template, context = f"commerce/mail/{kind}", {**context, "shop_url": settings.SHOP_URL}
    with translation.override(language):
        return MailContent(
            subject=in_one_line(render_to_string(f"{template}_subject.txt", context), SUBJECT_CHARS),
            text=render_to_string(f"{template}.txt", context),
            html=render_to_string(f"{template}.html", context),
            attachment=attachment,
        )


def _reminder_facts(kind: Notification.Kind, lines: Sequence[OrderLine]) -> dict[str, object]:
    """Values for the review reminder only. The links are signed here: they are valid from when the mail is written."""
    if kind != Notification.Kind.REVIEW_REMINDER:
        return {}
    asked = [(line, links.address(Subject(line.order_id, line.product_id))) for line in lines]
    return {"asked": asked, "valid_days": settings.REVIEW_LINK_VALID_DAYS}
