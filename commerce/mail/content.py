"""What a mail says: rendered once, when the mail is queued."""

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
"""A list of mails shows a third of that; the column holds more."""


@dataclass(frozen=True)
class MailContent:
    """What a mail says, as text and as HTML, and a CSV file that goes with it."""

    subject: str
    text: str
    html: str
    attachment: str = ""


def of_order(
    kind: Notification.Kind, language: str, name: str, order: Order, lines: Sequence[OrderLine], **facts: object
) -> MailContent:
    """A mail of this kind, in this language, to a person of this name, about these lines of the order.

    `facts` are what its templates need besides.
    """
    context = {"name": name, "order": order, "lines": lines, **facts, **_only_in(kind, lines)}
    return _render(kind, language, context)


def of_report(report: DailyReport) -> MailContent:
    """The numbers of a day: text, the same with bars that every mail program can draw, and the numbers as CSV."""
    with translation.override(settings.LANGUAGE_CODE):
        context = page(report)
    return _render(Notification.Kind.REPORT, settings.LANGUAGE_CODE, context, csv_files.of_day(report))


def in_one_line(text: str, chars: int) -> str:
    """Without line breaks and control characters, and with an ellipsis where it was too long for a header.

    >>> in_one_line("Ann\\r\\nBcc: eve@example.com", 12)
    'Ann Bcc: ev…'
    """
    harmless = "".join(" " if is_control(each) else each for each in text)
    return Truncator(" ".join(harmless.split())).chars(chars)


def is_control(character: str) -> bool:
    """Unicode's control characters, separators of lines and paragraphs, and halves of characters."""
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


def _only_in(kind: Notification.Kind, lines: Sequence[OrderLine]) -> dict[str, object]:
    """What only the review reminder says. The links are signed here: they count from when the mail was written."""
    if kind != Notification.Kind.REVIEW_REMINDER:
        return {}
    asked = [(line, links.address(Subject(line.order_id, line.product_id))) for line in lines]
    return {"asked": asked, "valid_days": settings.REVIEW_LINK_VALID_DAYS}
