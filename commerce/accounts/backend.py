"""Counts every try at a password: each call of Django's `authenticate` for a request."""

from typing import Any

from django.http import HttpRequest

from commerce.accounts.throttling import Purpose, admit


class CountTries:
    """An authentication backend that lets no one in: the next backend checks the password.

    It stands first in AUTHENTICATION_BACKENDS. Sessions name the backend that let them in, which is still Django's own,
    so they stay valid. It has no `get_user`: a backend that has one would be chosen for a log-in without a password.
    """

    def authenticate(self, request: HttpRequest | None, username: str | None = None, **_credentials: Any) -> None:
        """Raises Throttled. A program that asks without a request is not counted."""
        if request is not None and username:
            admit(request, Purpose.LOG_IN, username)
            request.tried_as = username  # type: ignore[attr-defined]
