"""The pages that ask staff again who they are, and that set up a second factor."""

from base64 import b32encode
from collections.abc import Callable
from typing import Any

import segno
from django.contrib import admin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.safestring import mark_safe
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters

from commerce.accounts import throttling
from commerce.staff import fresh, second_factor
from commerce.staff.forms import WRONG, ConfirmForm, SetUpForm

View = Callable[[HttpRequest], HttpResponse]


def for_staff(view: View) -> View:
    """Behind the admin's log-in; called late, because a project may choose another admin site."""
    return sensitive_post_parameters()(lambda request: admin.site.admin_view(view)(request))


@for_staff
def confirm(request: HttpRequest) -> HttpResponse:
    """Ask again, then go back to the page that needed it."""
    form = ConfirmForm(request, request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        user: Any = request.user
        if form.device:
            second_factor.accept(request, form.device)
        else:
            throttling.succeeded(request, user.get_username())
        fresh.stamp(request)
        return HttpResponseRedirect(way_back(request))
    return page(request, "commerce/staff/confirm.html", _("Please confirm that it is you"), form=form)


@for_staff
def set_up(request: HttpRequest) -> HttpResponse:
    """Show the key of an app as a picture, and take its first code. The recovery codes are shown once."""
    user: Any = request.user
    if instead := fresh.to_confirm(request):
        return instead
    title, template = _("Second factor"), "commerce/staff/second_factor.html"
    if second_factor.has_one(user):
        return page(request, template, title)
    form = SetUpForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        if codes := second_factor.set_up(request, form.cleaned_data["code"]):
            return page(request, template, title, codes=codes, back=way_back(request))
        form.add_error("code", WRONG)
    device = second_factor.offered(user)
    drawn = segno.make(device.config_url).svg_inline(scale=4, border=4)
    picture = mark_safe(drawn)  # nosec B308 B703  # noqa: S308 (it has paths and no text)
    key = b32encode(device.bin_key).decode()
    return page(request, template, title, form=form, picture=picture, key=key)


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
