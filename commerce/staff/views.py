"""The page that asks staff again who they are."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters

from commerce.staff import fresh
from commerce.staff.forms import ConfirmForm

View = Callable[[HttpRequest], HttpResponse]


def for_staff(view: View) -> View:
    """Behind the admin's log-in; called late, because a project may choose another admin site."""
    return sensitive_post_parameters()(lambda request: admin.site.admin_view(view)(request))


@for_staff
def confirm(request: HttpRequest) -> HttpResponse:
    """Ask again, then go back to the page that needed it."""
    form = ConfirmForm(request, request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        fresh.stamp(request)
        return HttpResponseRedirect(way_back(request))
    return page(request, "commerce/staff/confirm.html", _("Please confirm that it is you"), form=form)


def way_back(request: HttpRequest) -> str:
    """The page that sent here, if it is one of ours."""
    wanted = request.GET.get("next", "")
    if url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure()):
        return wanted
    return reverse("admin:index")


def page(request: HttpRequest, template: str, title: str, status: int = 200, **facts: Any) -> HttpResponse:
    """In the admin's clothes."""
    context = {**admin.site.each_context(request), "title": title, "is_nav_sidebar_enabled": False, **facts}
    return TemplateResponse(request, template, context, status=status)
