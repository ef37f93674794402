"""A cookie of each browser that has logged in. It opens nothing: it only gives the browser a counter of its own."""

from datetime import timedelta
from secrets import token_hex

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare, salted_hmac

SALT = "commerce.accounts.devices"

KEPT = timedelta(days=400)
"""Browsers keep no cookie longer (RFC 6265bis)."""


def normal(name: str) -> str:
    """One spelling of a user name: mail addresses differ by no capital letter."""
    return name.strip().casefold()


def known(request: HttpRequest, name: str) -> str:
    """The browser's id, if it has logged in to this account before; else empty."""
    try:
        account, device = signing.loads(request.COOKIES.get(_cookie(), ""), salt=SALT, max_age=KEPT)
    except (signing.BadSignature, ValueError, TypeError):
        return ""
    return str(device) if constant_time_compare(account, _account(name)) else ""


def remember(response: HttpResponse, name: str) -> None:
    """Give the browser a new id for this account. The name itself does not stand in the cookie."""
    response.set_cookie(
        _cookie(),
        signing.dumps([_account(name), token_hex(16)], salt=SALT),
        max_age=KEPT,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Strict",
    )


def _cookie() -> str:
    """The prefix makes browsers refuse it from other hosts (RFC 6265bis), and needs TLS."""
    return "__Host-device" if settings.SESSION_COOKIE_SECURE else "device"


def _account(name: str) -> str:
    return salted_hmac(SALT, normal(name), algorithm="sha256").hexdigest()
