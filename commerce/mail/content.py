"""The content of mails: rendered once, when a mail is queued."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.conf import settings
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.text import Truncator

from commerce.models import Notification, Order, OrderLine
from config.mail_address import is_control

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
    """A mail about these lines of the order; `facts` are further values for the templates."""
    return render(kind, language, {"name": name, "order": order, "lines": lines, **facts})


def render(kind: Notification.Kind, language: str, context: dict[str, object], attachment: str = "") -> MailContent:
    """Fill in the templates of this kind of mail."""
    template, context = f"commerce/mail/{kind}", {**context, "shop_url": settings.SHOP_URL}
    with translation.override(language):
        return MailContent(
            subject=in_one_line(render_to_string(f"{template}_subject.txt", context), SUBJECT_CHARS),
            text=render_to_string(f"{template}.txt", context),
            html=render_to_string(f"{template}.html", context),
            attachment=attachment,
        )


def in_one_line(text: str, chars: int) -> str:
    """Remove line breaks and control characters; cut a text that is too long for a header, with an ellipsis.

    >>> in_one_line("Ann\\r\\nBcc: eve@example.com", 12)
    'Ann Bcc: ev…'
    """
    return Truncator(without_line_breaks(text)).chars(chars)


def without_line_breaks(text: str) -> str:
    """Replace line breaks, control characters and white space, each run by one space."""
    return " ".join("".join(" " if is_control(each) else each for each in text).split())
