"""What stands in a mail: written once, when it is queued, and put into its envelope whenever it is sent."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from email.header import Header
from email.utils import format_datetime, formataddr

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.encoding import punycode
from django.utils.text import Truncator

from commerce import wire
from commerce.models import Notification, Order, OrderLine
from commerce.reviews import links
from commerce.reviews.links import Subject

SUBJECT_CHARS = 150
"""What a list of mails shows is a third of that; the column holds more."""

NAME_CHARS = 60
"""Of a name in a header; in the text it stands whole."""


class Unsendable(ValueError):
    """No mail server could take this mail as it is; the message says what is wrong with it."""


@dataclass(frozen=True)
class Letter:
    """What a mail says, twice: as text, and for readers that show more than text."""

    subject: str
    text: str
    html: str


def write(
    kind: Notification.Kind, language: str, name: str, order: Order, lines: Sequence[OrderLine], **facts: object
) -> Letter:
    """Write a letter of this kind, in this language, to somebody of this name, about these lines of the order.

    `facts` are what its templates need besides.
    """
    context = {"name": name, "order": order, "lines": lines, "shop_url": settings.SHOP_URL, **facts}
    context |= _only_in(kind, lines)
    template = f"commerce/mail/{kind}"
    with translation.override(language):
        return Letter(
            subject=in_one_line(render_to_string(f"{template}_subject.txt", context), SUBJECT_CHARS),
            text=render_to_string(f"{template}.txt", context),
            html=render_to_string(f"{template}.html", context),
        )


def _only_in(kind: Notification.Kind, lines: Sequence[OrderLine]) -> dict[str, object]:
    """What no other kind of letter says. The links are signed here, so they count from when the mail was written."""
    if kind != Notification.Kind.REVIEW_REMINDER:
        return {}
    asked = [(line, links.address(Subject(line.order_id, line.product_id))) for line in lines]
    return {"asked": asked, "valid_days": settings.REVIEW_LINK_VALID_DAYS}


def message(mail: Notification) -> wire.Envelope:
    """The mail as it is handed over, the same whenever it is sent. Raises Unsendable.

    The envelope has the bare address: no name, however odd, can add a recipient.
    """
    _check(mail)
    recipient = _in_ascii(mail.recipient)
    headers = {"To": address(mail.recipient_name, recipient), "Message-ID": mail.message_id}
    headers["Date"] = format_datetime(mail.queued_at)
    envelope = wire.Envelope(mail.subject, mail.text, to=[recipient], headers=headers)
    if mail.html:
        envelope.attach_alternative(mail.html, "text/html")
    return envelope


def address(name: str, email: str) -> str:
    """The value of a To header, in ASCII where the name is not (RFC 2047), and in one line whatever the name holds."""
    short = in_one_line(name, NAME_CHARS)
    if short.isascii():
        return formataddr((short, email))
    return f"{Header(short, 'utf-8').encode(linesep='')} <{email}>"


def in_one_line(text: str, chars: int) -> str:
    """Without line breaks and control characters, and with an ellipsis where it was too long for a header.

    >>> in_one_line("Ann\\r\\nBcc: everybody@example.com", 12)
    'Ann Bcc: ev…'
    """
    harmless = "".join(" " if unicodedata.category(each) in _BREAKS else each for each in text)
    return Truncator(" ".join(harmless.split())).chars(chars)


_BREAKS = {"Cc", "Zl", "Zp", "Cs"}
"""Unicode's controls, separators of lines and paragraphs, and halves of characters."""


def _in_ascii(email: str) -> str:
    """The local part of a valid address is ASCII already, its domain may have letters of its own (RFC 3490)."""
    local, _at, domain = email.rpartition("@")
    return f"{local}@{punycode(domain)}"


def _check(mail: Notification) -> None:
    try:
        validate_email(mail.recipient)
    except ValidationError:
        raise Unsendable("the recipient is no e-mail address") from None
    for name, header in (("subject", mail.subject), ("Message-ID", mail.message_id)):
        if any(unicodedata.category(each) in _BREAKS for each in header):
            raise Unsendable(f"the {name} cannot be a header: it has a line break or a control character")
