"""The view to which providers post their callbacks."""

from django.conf import settings
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from billing.callbacks import inbox
from billing.models import Callback
from billing.providers import provider_of
from billing.providers.base import CallbackRequest
from config.web.networks import sender_of


@transaction.non_atomic_requests  # stored before it is answered, in a project with ATOMIC_REQUESTS too
@csrf_exempt  # a provider has no CSRF token; a callback is never trusted
@require_POST
def callback(request: HttpRequest, account: str) -> HttpResponse:
    """Store the body and answer. A body that could not be stored gets a 5xx, so that it is sent again."""
    if account not in settings.PAYMENT_ACCOUNTS:
        return _answer(404, "No such account.")
    body = _read(request, settings.CALLBACK_MAX_BYTES)
    if body is None:
        return _answer(413, f"A callback has at most {settings.CALLBACK_MAX_BYTES} bytes.")
    if not body:
        # Under WSGI a chunked body is empty unless a proxy buffers it; an error makes the provider repeat it.
        return _answer(400, "The body is empty.")
    stored = inbox.receive(account, _post(request, account, body))
    if stored.outcome == Callback.Outcome.FORGED:
        return _answer(400, "The signature does not match.")
    if stored.outcome == Callback.Outcome.MALFORMED:
        return _answer(400, "The body cannot be read as a callback.")
    return _answer(200, "OK")


def _read(request: HttpRequest, limit: int) -> bytes | None:
    """The body; None if it is longer than the limit. It is not read at all if its Content-Length says so."""
    announced = request.META.get("CONTENT_LENGTH") or "0"
    if announced.isdecimal() and int(announced) > limit:
        return None
    body = request.read(limit + 1)
    return body if len(body) <= limit else None


def _post(request: HttpRequest, account: str, body: bytes) -> CallbackRequest:
    names = provider_of(account).signature_headers
    return CallbackRequest(body, {name: request.headers.get(name, "") for name in names}, sender_of(request))


def _answer(status: int, text: str) -> HttpResponse:
    return HttpResponse(text, status=status, content_type="text/plain; charset=utf-8")
