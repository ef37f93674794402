"""The message of a queued mail: its envelope and headers, the same on every attempt."""

from email.header import Header
from email.utils import format_datetime, formataddr

from django.core.exceptions import ValidationError
from django.core.mail import EmailMultiAlternatives
from django.core.validators import validate_email

from commerce.mail.content import in_one_line
from commerce.models import Notification
from commerce.models.validators import validate_mail_domain
from config.mail_address import NotADomain, in_ascii, is_control

NAME_CHARS = 60
"""Longest name in a header; the text has the whole name."""


class Unsendable(ValueError):
    """No mail server can accept this mail; the message says why."""


class Message(EmailMultiAlternatives):
    """A mail to one recipient: all headers are given, and the attachments are CSV files."""


def of(mail: Notification) -> Message:
    """Build the message of a mail. Raises Unsendable.

    The envelope has the bare address, so a malicious name cannot add a recipient.
    """
    recipient, message_id = _checked(mail)
    headers = {"To": address(mail.recipient_name, recipient), "Message-ID": message_id}
    headers["Date"] = format_datetime(mail.queued_at)
    message = Message(mail.subject, mail.text, to=[recipient], headers=headers)
    if mail.html:
        message.attach_alternative(mail.html, "text/html")
    if mail.report and mail.attachment:
        message.attach(f"report-{mail.report.day}.csv", mail.attachment, "text/csv")
    return message


def address(name: str, email: str) -> str:
    """The value of a To header: ASCII (RFC 2047 for other names), and always one line."""
    short = in_one_line(name, NAME_CHARS)
    if short.isascii():
        return formataddr((short, email))
    return f"{Header(short, 'utf-8').encode(linesep='')} <{email}>"


def _checked(mail: Notification) -> tuple[str, str]:
    """The recipient's address and the Message-ID, both in ASCII."""
    try:
        validate_email(mail.recipient)
        validate_mail_domain(mail.recipient)
    except ValidationError:
        raise Unsendable("the recipient is not an e-mail address") from None
    for name, header in (("subject", mail.subject), ("Message-ID", mail.message_id)):
        if any(map(is_control, header)):
            raise Unsendable(f"the {name} cannot be a header: it has a line break or a control character")
    try:
        return in_ascii(mail.recipient), in_ascii(mail.message_id)
    except NotADomain:
        raise Unsendable("the domain of the Message-ID is not a domain name") from None
