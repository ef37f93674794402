"""Requests that cannot be read: answered with 400 before any code of ours reads them.

Django reads cookies, query and form when code first asks for them. An unreadable one therefore fails in a view, in a
middleware or in the error page itself, and looks like an error of ours. Here all of it is read once, at the beginning.
A refusal is one log line and one count: no error, no mail, and no checkout that failed.
"""

import logging
from collections.abc import Callable

from django.conf import settings
from django.core.exceptions import (
    BadRequest,
    DisallowedHost,
    DisallowedRedirect,
    FieldDoesNotExist,
    RequestDataTooBig,
    SuspiciousOperation,
    TooManyFieldsSent,
    TooManyFilesSent,
    ValidationError,
)
from django.http import HttpRequest, HttpResponse, QueryDict, UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from django.template.loader import render_to_string
from django.urls import Resolver404, resolve
from django.utils.translation import get_language_from_request, override

from config.metrics.registry import counter
from config.web.handler import UNREADABLE_TYPE
from config.web.networks import sender_of

REFUSED_REQUESTS_TOTAL = counter(
    "tillkeeper_refused_requests_total",
    "Malformed requests that got 400 or 413, by reason: host, length, cookie, charset, null_character, form, "
    "too_large, suspicious.",
    "reason",
)

TOO_LARGE = (RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent)
"""Limits of Django: 2.5 MB without files, 1,000 fields, 100 files."""

UNREADABLE = (SuspiciousOperation, BadRequest, MultiPartParserError, UnreadablePostError)
"""What Django raises about a request that it cannot read or must not believe."""

IN_ADMIN = (FieldDoesNotExist, ValidationError)
"""What the admin raises about names and keys in its URLs, and catches on most of its pages only."""

UTF_8 = ("utf-8", "utf8")
"""Browsers send forms in the page's charset, which is UTF-8. Some other codecs of Python raise on any error handler."""

log = logging.getLogger(__name__)


class Malformed(SuspiciousOperation):
    """The request cannot be read, for the reason given."""


class RefuseMalformed:
    """Middleware, before every middleware that reads cookies, host, query or form."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        try:
            _check_headers(request)
            _check_values(request, with_form=not _reads_its_own_body(request.path_info))
        except (*UNREADABLE, ValueError, LookupError) as error:  # Django's parsers, and those of Python below them
            return _refuse(request, error)
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """What a view found suspicious, like an unknown filter of the admin. Where to redirect is our own matter.

        In the admin a URL may also name a field that there is not, or a key that its model cannot have.
        """
        in_admin = request.resolver_match is not None and request.resolver_match.app_name == "admin"
        theirs = (*UNREADABLE, *IN_ADMIN) if in_admin else UNREADABLE
        wrong = isinstance(error, theirs) and not isinstance(error, DisallowedRedirect)
        return _refuse(request, error) if wrong else None


def _check_headers(request: HttpRequest) -> None:
    """Raises Malformed or DisallowedHost."""
    request.get_host()
    length = request.META.get("CONTENT_LENGTH") or "0"
    if not (length.isascii() and length.isdecimal()):
        raise Malformed("length")
    if _unreadable_cookies(request):
        raise Malformed("cookie")


def _reads_its_own_body(path: str) -> bool:
    """A view without CSRF protection, for providers: it takes bytes in any charset."""
    try:
        return getattr(resolve(path).func, "csrf_exempt", False)
    except Resolver404:
        return False  # the page for 404 looks for a token in the form


def _check_values(request: HttpRequest, with_form: bool) -> None:
    """PostgreSQL refuses a text with a null character, and no browser sends one. Raises one of UNREADABLE."""
    request.encoding = UTF_8[0]  # first: no codec from outside is ever used
    charset = (request.content_params or {}).get("charset", UTF_8[0])
    if with_form and (charset.lower() not in UTF_8 or request.content_type == UNREADABLE_TYPE):
        raise Malformed("charset")
    if _has_null(request.GET) or (with_form and _has_null(request.POST)):
        raise Malformed("null_character")


def _unreadable_cookies(request: HttpRequest) -> list[str]:
    """Of the cookies that are read. They are plain ASCII; quoted ones may hold any character in octal (RFC 2109)."""
    ours = (
        settings.SESSION_COOKIE_NAME,
        settings.CSRF_COOKIE_NAME,
        settings.LANGUAGE_COOKIE_NAME,
        settings.MESSAGES_COOKIE_NAME,
    )
    values = {name: request.COOKIES.get(name, "") for name in ours}
    return [name for name, value in values.items() if not (value.isascii() and value.isprintable())]


def _has_null(values: QueryDict) -> bool:
    return any("\0" in text for name, texts in values.lists() for text in (name, *texts))


def _refuse(request: HttpRequest, error: Exception) -> HttpResponse:
    """The page for 400, and no cookie that cannot be read: it would shut the browser out for good."""
    reason, unreadable = _reason(error), _unreadable_cookies(request)
    for name in unreadable:
        del request.COOKIES[name]
    with override(get_language_from_request(request)):
        page = render_to_string("400.html")  # Django's own view looks for a token in the form
    answer = HttpResponse(page, status=413 if isinstance(error, RequestDataTooBig) else 400)
    for name in unreadable:
        answer.delete_cookie(name)
    REFUSED_REQUESTS_TOTAL.labels(reason).inc()
    log.info("request.refused", extra={"reason": reason, "sender": sender_of(request)})
    return answer


def _reason(error: Exception) -> str:
    """One word of a fixed set."""
    if isinstance(error, Malformed):
        return str(error)
    if isinstance(error, DisallowedHost):
        return "host"
    if isinstance(error, TOO_LARGE):
        return "too_large"
    return "suspicious" if isinstance(error, (SuspiciousOperation, *IN_ADMIN)) else "form"
