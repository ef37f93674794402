"""The shop's mail server, for tests."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pytest_django import Settings

from commerce.mail.connection import breaker
from commerce.mail.refusals import streak
from tests.stack.mail import MailServer


@contextmanager
def mail_server(settings: Settings, **options: Any) -> Iterator[MailServer]:
    """One with these options; the shop uses it."""
    with MailServer(**options) as server:
        settings.EMAIL_BACKEND = "commerce.mail.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = server.host, server.port
        settings.EMAIL_TIMEOUT = 5
        _forget()
        yield server
    _forget()


def _forget() -> None:
    """What this process knows about the mail server."""
    breaker.reset()
    breaker.answered()
    streak.end()
