"""Serializes a message to bytes. Python's own generator takes 1.7 ms per mail more, as long as sending takes.

A worker reaches 38 % of a bare smtplib loop with it, and 51 % with this module (medians of 6 rounds, busy machine).
"""

import quopri
from email.header import Header
from functools import cache
from hashlib import sha256

from django.core.mail.message import sanitize_address

from commerce.mail.message import Message
from config.mail_address import in_ascii

LINE_CHARS = 76


def as_bytes(message: Message) -> bytes:
    """The same bytes on every attempt. Raises ValueError for a header with a line break."""
    headers = {
        "Subject": message.subject,
        "From": sender(message.from_email),
        **message.extra_headers,
        "MIME-Version": "1.0",
    }
    head = b"".join(_header(name, value) for name, value in headers.items())
    parts = [_part("plain", str(message.body)), *(_part("html", str(html)) for html, _ in message.alternatives)]
    files = [_file(str(name), str(text)) for name, text, _ in message.attachments]
    return head + _multipart("mixed", [_multipart("alternative", parts), *files])


@cache
def sender(address: str) -> str:
    """The sender of all mails, encoded for header and envelope."""
    return str(sanitize_address(in_ascii(address), "utf-8"))


def _header(name: str, value: object) -> bytes:
    text = str(value)
    if "\r" in text or "\n" in text:
        raise ValueError(f"a line break in {name}")
    if not text.isascii() or (len(text) > LINE_CHARS and " " in text):
        text = Header(text, None if text.isascii() else "utf-8", LINE_CHARS, name).encode(linesep="\r\n")
    return f"{name}: {text}\r\n".encode("ascii")


def _part(subtype: str, text: str, more: str = "") -> bytes:
    """Text as quoted-printable: lines may have any length, and the server needs no 8BITMIME.

    A lone carriage return is a line end too: quopri would let it through, and servers refuse it (RFC 5321, 2.3.8).
    """
    head = f'Content-Type: text/{subtype}; charset="utf-8"\r\n{more}Content-Transfer-Encoding: quoted-printable\r\n\r\n'
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    body = quopri.encodestring(lines.encode(errors="replace"))
    return head.encode() + body.replace(b"\n", b"\r\n")


def _file(name: str, text: str) -> bytes:
    return _part("csv", text, f'Content-Disposition: attachment; filename="{name}"\r\n')


def _multipart(subtype: str, parts: list[bytes]) -> bytes:
    """Join parts; a single part stays as it is. The boundary is a hash of the parts, so it cannot occur in one."""
    if len(parts) == 1:
        return parts[0]
    boundary = sha256(b"".join(parts)).hexdigest()
    line = f"--{boundary}".encode()
    head = f'Content-Type: multipart/{subtype}; boundary="{boundary}"\r\n\r\n'.encode()
    return head + b"\r\n".join([*(line + b"\r\n" + part for part in parts), line + b"--", b""])
