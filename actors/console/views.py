"""A page of the console in three forms: whole, only its refreshed part, and as JSON (`?as=json`)."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from actors.console.actions import ACTIONS, act
from actors.console.page import Page
from actors.console.pages import PAGES
from actors.operations.actions import READ
from actors.operations.queries.queues import expire
from actors.operations.serialize import plain
from config.actions import Action
from config.web.headers import CSP, policy

REFRESH_S = 5
"""Time between two refreshes of an open page. Each costs some queries."""

View = Callable[..., HttpResponse]


def page_view(page: Page) -> View:
    """The view of a page, for staff with its permissions."""

    @require_safe
    def view(request: HttpRequest, **path: Any) -> HttpResponse:
        if not _may_see(request, page):
            raise PermissionDenied
        facts = page.facts(request.GET, **path)
        if facts is None:
            raise Http404
        if request.GET.get("as") == "json":
            return JsonResponse(plain(facts))
        if request.GET.get("part") == "live":
            return TemplateResponse(request, page.part, _about(request, page, facts))
        return TemplateResponse(request, "console/page.html", _around(request, page) | _about(request, page, facts))

    return _guarded(view)


def action_view(action: Action) -> View:
    """The view of an action. The next page must not show dead letters that have just gone."""

    @require_http_methods(["GET", "HEAD", "POST"])
    def view(request: HttpRequest) -> HttpResponse:
        try:
            return act(request, action)
        finally:
            if request.method == "POST":
                expire()

    return _guarded(view)


def _guarded(view: View) -> View:
    """Behind the admin's login and CSRF check. With our policy also in a project that has none: a browser runs nothing
    from a hostile text in a row.
    """
    guarded = admin.site.admin_view(view)

    @wraps(view)
    def with_headers(request: HttpRequest, **path: Any) -> HttpResponse:
        answer = guarded(request, **path)
        answer.headers[CSP] = policy()
        return answer

    return with_headers


def _may_see(request: HttpRequest, page: Page) -> bool:
    return bool(request.user.has_perms((READ, *page.needs)))


def _about(request: HttpRequest, page: Page, facts: Any) -> dict[str, Any]:
    """For the part of the page that refreshes."""
    return {
        "page": page,
        "facts": facts,
        "now": timezone.now(),
        "may": {action.name: action for action in ACTIONS if action.allows(request.user)},
        "here": _here(request),
    }


def _around(request: HttpRequest, page: Page) -> dict[str, Any]:
    return {
        **admin.site.each_context(request),
        "title": page.title,
        "tabs": [one for one in PAGES if not one.tab and _may_see(request, one)],
        "refresh_s": REFRESH_S,
        "is_nav_sidebar_enabled": False,
    }


def _here(request: HttpRequest) -> str:
    """The page's own URL, for each of its forms."""
    query = request.GET.copy()
    query.pop("part", None)
    return f"{request.path}?{query.urlencode()}" if query else request.path
