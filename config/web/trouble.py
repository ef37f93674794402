"""The answer to an error of ours: 503 without the database, else 500. It says in the visitor's language to try again.

Django calls it for every exception of a view, a template or a middleware. It reads nothing but the request's address,
headers and cookies: a page that asks the database would fail again.
"""

import sys
from collections.abc import Iterator

from django.contrib import admin
from django.db import Error, InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import get_language_from_request, gettext, override
from django.views import defaults

from config.database.in_force import READ_ONLY_SQLSTATE

RETRY_AFTER_S = 10
"""Every part works again this long after the database does (tests/system/test_outages.py)."""

MAX_CHAIN_LINKS = 20
"""Links of an exception chain that are searched; chains can be circles."""


def page(request: HttpRequest) -> HttpResponse:
    """Django's `handler500`. The exception is being handled, so the middlewares' log line still has it."""
    is_outage = any(_is_outage(error) for error in _chain(sys.exc_info()[1]))
    status = 503 if is_outage else 500
    with override(get_language_from_request(request)):  # an error may come before the language is chosen
        answer = _json(status) if _wants_json(request) else HttpResponse(_html(request), status=status)
    if is_outage:
        answer["Retry-After"] = str(RETRY_AFTER_S)
    return answer


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's `handler400`. A session that could not be stored is a request of a visitor who is gone, for Django; if
    the database was away, it is no fault of the visitor's.
    """
    if any(_is_outage(error) for error in _chain(exception)):
        return page(request)
    return defaults.bad_request(request, exception)


def _html(request: HttpRequest) -> str:
    """In the frame of the admin or of the shop. Without the request, no context processor asks the database."""
    if not request.path_info.startswith(reverse("admin:index")):
        return render_to_string("500.html")
    names = {name: getattr(admin.site, name) for name in ("site_title", "site_header")}
    return render_to_string("500_staff.html", names)


def _json(status: int) -> HttpResponse:
    return JsonResponse({"error": gettext("Please try again in a moment.")}, status=status)


def _wants_json(request: HttpRequest) -> bool:
    """By the address, as `state.json` and `?as=json` of the console, or by the header Accept."""
    if request.path_info.endswith(".json") or "as=json" in request.META.get("QUERY_STRING", "").split("&"):
        return True
    return request.get_preferred_type(["text/html", "application/json"]) == "application/json"


def _is_outage(error: BaseException) -> bool:
    """The database is away, full, busy or a standby. Any other error is one of our own."""
    if isinstance(error, (OperationalError, InterfaceError)):
        return True
    return isinstance(error, Error) and getattr(error.__cause__, "sqlstate", None) == READ_ONLY_SQLSTATE


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """The exception and those that led to it."""
    for _ in range(MAX_CHAIN_LINKS):
        if error is None:
            return
        yield error
        error = error.__cause__ or error.__context__
