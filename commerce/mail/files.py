"""Mails as files: what a shop without a mail server does with them. Each is complete, as it would have been sent."""

import os
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage as Parsed
from pathlib import Path
from secrets import token_hex

from django.conf import settings
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend

from commerce.mail import mime
from commerce.mail.message import Message

NAME = "[0-9]{8}T[0-9]{12}-[0-9a-f]{8}"
"""The time in UTC, to the microsecond, so that names sort by time."""

SUFFIX = ".eml"


class EmailBackend(BaseEmailBackend):
    """Writes each mail to a file of its own in EMAIL_FILE_PATH."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        for message in email_messages:
            _write(mime.as_bytes(message) if isinstance(message, Message) else message.message().as_bytes())
        return len(email_messages)


def names() -> list[str]:
    """The names of all mails, the newest first. Other files in the directory are left alone."""
    stems = (path.stem for path in _directory().glob(f"*{SUFFIX}"))
    return sorted(filter(re.compile(NAME).fullmatch, stems), reverse=True)


def read(name: str) -> bytes | None:
    """The mail of this name, which must match NAME; None if there is none."""
    try:
        return (_directory() / f"{name}{SUFFIX}").read_bytes()
    except FileNotFoundError:
        return None


def parse(mail: bytes) -> Parsed:
    """The mail with decoded headers and parts."""
    parsed = message_from_bytes(mail, policy=policy.default)
    assert isinstance(parsed, Parsed)  # noqa: S101 - the policy makes it one
    return parsed


def written_at(name: str) -> datetime:
    """The time in the name."""
    return datetime.strptime(name.partition("-")[0], "%Y%m%dT%H%M%S%f").replace(tzinfo=UTC)


def _directory() -> Path:
    return Path(settings.EMAIL_FILE_PATH)


def _write(mail: bytes) -> None:
    """A reader sees the whole mail or none. Other users see none: it has links to orders."""
    directory = _directory()
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = directory / f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}-{token_hex(4)}"
    with open(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
        file.write(mail)
    path.rename(path.with_name(f"{path.name}{SUFFIX}"))
