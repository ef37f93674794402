"""Letters as bytes, which are sent by the thousand: Python's own generator takes as long for one as SMTP does."""

import quopri
from email.header import Header
from functools import cache
from hashlib import sha256

from django.core.mail import EmailMultiAlternatives
from django.core.mail.message import sanitize_address

LINE_CHARS = 76


class Envelope(EmailMultiAlternatives):
    """A letter to one recipient: no attachments, one other part besides its text or none, and all headers given."""


def as_bytes(envelope: Envelope) -> bytes:
    """The same bytes whenever the same letter is sent. Raises ValueError for a header with a line break."""
    headers = {
        "Subject": envelope.subject,
        "From": sender(envelope.from_email),
        **envelope.extra_headers,
        "MIME-Version": "1.0",
    }
    head = b"".join(_header(name, value) for name, value in headers.items())
    text = _part("plain", str(envelope.body))
    if not envelope.alternatives:
        return head + text
    html = _part("html", str(envelope.alternatives[0][0]))
    boundary = sha256(head + text + html).hexdigest()
    kind = f'Content-Type: multipart/alternative; boundary="{boundary}"\r\n\r\n'.encode()
    line = f"--{boundary}".encode()
    return b"\r\n".join([head + kind + line, text, line, html, line + b"--", b""])


@cache
def sender(address: str) -> str:
    """Who sends all mails, fit for a header and for an envelope."""
    return str(sanitize_address(address, "utf-8"))


def _header(name: str, value: object) -> bytes:
    text = str(value)
    if "\r" in text or "\n" in text:
        raise ValueError(f"a line break in {name}")
    if not text.isascii() or len(text) > LINE_CHARS:
        text = Header(text, None if text.isascii() else "utf-8", LINE_CHARS, name).encode(linesep="\r\n")
    return f"{name}: {text}\r\n".encode("ascii")


def _part(subtype: str, text: str) -> bytes:
    """Quoted-printable takes lines of any length, and servers without 8BITMIME."""
    head = f'Content-Type: text/{subtype}; charset="utf-8"\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n'
    body = quopri.encodestring(text.encode(errors="replace"))
    return head.encode() + body.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
