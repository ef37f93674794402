"""Two forms at once that want the same unique value."""

from collections.abc import Callable

from django.db import IntegrityError
from django.http import HttpRequest, HttpResponse

FORM_PAGES = ("_add", "_change")
"""Ends of the names of the admin's pages with a form. Each is one transaction, so its failure leaves nothing behind."""


class RetryLostRace:
    """Middleware. A form of the admin whose value another request has just taken runs once more.

    A form checks unique values before it saves, and between the two another request may save the same. The second run
    finds that row and says so at the field. A second error is reported as usual.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        match = request.resolver_match
        if not isinstance(error, IntegrityError) or match is None or match.app_name != "admin":
            return None
        if not (match.url_name or "").endswith(FORM_PAGES):
            return None
        answer: HttpResponse = match.func(request, *match.args, **match.kwargs)
        return answer
