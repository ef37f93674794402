"""The WSGI application: Django's, with a request for everything that a server lets through."""

from typing import Any

import django
from django.core.exceptions import SuspiciousOperation
from django.core.handlers.wsgi import WSGIHandler, WSGIRequest

UNREADABLE_TYPE = "application/x-unreadable"
"""Replaces a Content-Type that cannot be read."""


def request_from(environ: dict[str, Any]) -> WSGIRequest:
    """Django decodes the query with the charset of the Content-Type as soon as the request is made, before any code
    that could answer an error. So `charset=hex`, which decodes no text, was a traceback of the server.
    """
    as_sent = dict(environ)  # Django writes decoded texts into it
    try:
        return WSGIRequest(environ)
    except (ValueError, LookupError, SuspiciousOperation):
        return WSGIRequest(as_sent | {"CONTENT_TYPE": UNREADABLE_TYPE})


class Handler(WSGIHandler):
    """Django's handler, with these requests."""

    request_class = staticmethod(request_from)  # type: ignore[assignment]


def application() -> WSGIHandler:
    """Set Django up. Call it once in a process."""
    django.setup(set_prefix=False)
    return Handler()
