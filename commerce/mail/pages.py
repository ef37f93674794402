"""The mails of a shop without a mail server, as pages: for trying it out, and never in production.

A mail has the link to its order, so these pages are for a person at this machine, or for staff who may see mails.
"""

from collections.abc import Callable
from email.message import EmailMessage
from functools import wraps
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_safe

from commerce.mail import files
from config.hosts import is_address

SHOWN = 100

NEW_TAB = "allow-popups allow-popups-to-escape-sandbox"
"""What the frame of a mail may do: a link opens a page of its own."""

CSP = f"sandbox {NEW_TAB}; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'"
"""A mail runs no script and loads nothing: its texts come from customers."""

BY_PROXIES = ("X-Forwarded-For", "Forwarded", "X-Real-IP", "Via")
"""Headers that proxies add; behind one, the address of every visitor is the proxy's."""

View = Callable[..., HttpResponse]


def for_a_trial(view: View) -> View:
    """404 where mails are sent; otherwise for this machine, and for staff with the permission."""

    @wraps(view)
    def guarded(request: HttpRequest, **path: str) -> HttpResponse:
        if not mails_are_files():
            raise Http404
        if not (_is_here(request) or (request.user.is_staff and request.user.has_perm("commerce.view_notification"))):
            return redirect_to_login(request.get_full_path(), reverse("admin:login"))
        return view(request, **path)

    return never_cache(require_safe(guarded))


def mails_are_files() -> bool:
    """True in a shop that is tried out: it has no mail server."""
    return not settings.EMAIL_HOST and not settings.PRODUCTION


def link(request: HttpRequest) -> dict[str, Any]:
    """For the templates: the address of the mails, where this visitor may see them without a login."""
    return {"mails_url": reverse("mails") if mails_are_files() and _is_here(request) else ""}


@for_a_trial
def mails(request: HttpRequest) -> HttpResponse:
    """The newest mails, the latest first."""
    found = files.names()
    rows = [(name, files.written_at(name), parsed) for name in found[:SHOWN] if (parsed := _parsed(name))]
    return render(request, "commerce/mails.html", {"rows": rows, "count": len(found)})


@for_a_trial
def mail(request: HttpRequest, name: str) -> HttpResponse:
    """One mail with all that was written."""
    parsed = _parsed(name)
    if parsed is None:
        raise Http404
    text, html = parsed.get_body(("plain",)), parsed.get_body(("html",))
    facts = {
        "name": name,
        "subject": parsed["Subject"],
        "headers": parsed.items(),
        "text": text.get_content() if text else "",
        "has_html": html is not None,
        "attachments": [each.get_filename() for each in parsed.iter_attachments()],
        "sandbox": NEW_TAB,
    }
    return render(request, "commerce/mail_shown.html", facts)


@for_a_trial
@xframe_options_sameorigin
def mail_html(request: HttpRequest, name: str) -> HttpResponse:
    """The HTML part, for the frame in the page of the mail."""
    parsed = _parsed(name)
    html = parsed and parsed.get_body(("html",))
    if not html:
        raise Http404
    page = f'<!doctype html><base target="_blank">{html.get_content()}'
    return HttpResponse(page, headers={"Content-Security-Policy": CSP})


@for_a_trial
def mail_file(request: HttpRequest, name: str) -> HttpResponse:
    """The mail as it would have been sent."""
    raw = files.read(name)
    if raw is None:
        raise Http404
    headers = {"Content-Disposition": f'attachment; filename="{name}{files.SUFFIX}"'}
    return HttpResponse(raw, content_type="message/rfc822", headers=headers)


def _parsed(name: str) -> EmailMessage | None:
    raw = files.read(name)
    return None if raw is None else files.parse(raw)


def _is_here(request: HttpRequest) -> bool:
    """A browser on this machine, at a shop that only this machine reaches."""
    shop, remote = urlsplit(settings.SHOP_URL).hostname or "", request.META.get("REMOTE_ADDR", "")
    is_direct = not any(header in request.headers for header in BY_PROXIES)
    return is_direct and _is_loopback(shop) and _is_loopback(remote)


def _is_loopback(host: str) -> bool:
    return host == "localhost" or (is_address(host) and ip_address(host).is_loopback)
