"""The one door through which the console does something: who may, why, done and recorded together.

A button posts the act's address with the keys of what it is about. An act that stops work or changes what becomes of
money wants to know why: its page asks, and that page is also what a link to it shows. What was done stands in the
admin's own history, with the name and the reason, on the page of the row it was done to.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from actors.console.access import READ, may
from actors.models import Console
from billing.admin.bases import MOST_AT_ONCE

Text = Promise | str

WHY_CHARS = 150

NOTHING_TO_DO = gettext_lazy("Left alone, because there was nothing to do")


class Refused(Exception):
    """It was not done; the message says why, and is shown."""


class NotNow(Refused):
    """And it would be the same with the others: they are not tried, for somebody waits for the page."""


@dataclass(frozen=True)
class Subject:
    """What an act is about: a row, or something that has a name and no row."""

    key: str
    name: str
    row: Model | None = None
    needs: tuple[str, ...] = ()
    """Permissions besides those of the act."""


@dataclass(frozen=True)
class Act:
    """Something that a person can do."""

    name: str
    """In its address."""

    title: Text
    """On its button."""

    explanation: Text
    """What it does and what it does not, on the page that asks why."""

    needs: tuple[str, ...]
    find: Callable[[str], Subject | None]
    """What a key means; None if there is no such thing."""

    do: Callable[[str, str, str], int]
    """With the key, who wants it, and why; returns to how many it was done, for a key may mean many. Raises Refused."""

    done: Text
    """Said afterwards, and in the history."""

    left_alone: Text = NOTHING_TO_DO
    asks_why: bool = False
    stops: bool = False
    """Does work rest after it? Its button looks like that."""


class Why(forms.Form):
    """The reason, for whoever reads the history."""

    why = forms.CharField(
        max_length=WHY_CHARS,
        label=gettext_lazy("Why?"),
        widget=forms.TextInput(attrs={"class": "vTextField", "autofocus": True}),
    )


def perform(request: HttpRequest, act: Act) -> HttpResponse:
    """Ask why, or do it. 403 for whoever may not."""
    if not may(request.user, (READ, *act.needs)):
        raise PermissionDenied
    sent = request.POST if request.method == "POST" else request.GET
    back, keys = _where_from(request, sent.get("next", "")), list(dict.fromkeys(sent.getlist("key")))
    subjects = _found(act, keys)
    if not may(request.user, {need for subject in subjects for need in subject.needs}):
        raise PermissionDenied
    if subjects:
        return _ask_or_do(request, act, subjects, back)
    messages.warning(request, _nothing(len(keys)))
    return HttpResponseRedirect(back)


def record(user: Any, subject: Subject, done: str, why: str) -> None:
    """Who did what to what, and why, in the admin's history."""
    model = type(subject.row) if subject.row else Console
    LogEntry.objects.create(
        user=user,
        content_type=ContentType.objects.get_for_model(model, for_concrete_model=False),
        object_id=str(subject.row.pk) if subject.row else subject.key,
        object_repr=subject.name[:200],
        action_flag=CHANGE,
        change_message=f"{done}: {why}" if why else f"{done}.",
    )


def _found(act: Act, keys: Sequence[str]) -> list[Subject]:
    """What the keys mean; none of them if there are too many for one request."""
    if len(keys) > MOST_AT_ONCE:
        return []
    return [subject for key in keys if "\0" not in key and (subject := act.find(key))]


def _nothing(keys: int) -> str:
    if keys > MOST_AT_ONCE:
        return _("Nothing was done: please choose %(most)s rows at the most.") % {"most": MOST_AT_ONCE}
    return _("Nothing was done: nothing was chosen, or it is gone.") if keys else _("Nothing was chosen.")


def _where_from(request: HttpRequest, wanted: str) -> str:
    """Back to the page with the button, if it is one of ours."""
    if url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure()):
        return wanted
    return reverse("console:overview")


def _ask_or_do(request: HttpRequest, act: Act, subjects: Sequence[Subject], back: str) -> HttpResponse:
    form = Why(request.POST if "why" in request.POST else None)
    if request.method != "POST" or (act.asks_why and not form.is_valid()):
        return _ask(request, act, subjects, form, back)
    _do_all(request, act, subjects, form.cleaned_data["why"] if act.asks_why else "")
    return HttpResponseRedirect(back)


def _ask(request: HttpRequest, act: Act, subjects: Sequence[Subject], form: Why, back: str) -> HttpResponse:
    page = {
        **admin.site.each_context(request),
        "title": act.title,
        "act": act,
        "subjects": subjects,
        "form": form if act.asks_why else None,
        "back": back,
        "is_nav_sidebar_enabled": False,
    }
    return TemplateResponse(request, "console/ask.html", page)


def _do_all(request: HttpRequest, act: Act, subjects: Sequence[Subject], why: str) -> None:
    """Each for itself: one that is refused holds up no other."""
    done, idle, refusals = 0, 0, dict[str, int]()
    for subject in subjects:
        try:
            number = _do(request, act, subject, why)
            done, idle = done + number, idle + (not number)
        except Refused as refusal:
            refusals[str(refusal)] = refusals.get(str(refusal), 0) + 1
            if isinstance(refusal, NotNow):
                break
    _say(request, act, done, idle, refusals)


def _do(request: HttpRequest, act: Act, subject: Subject, why: str) -> int:
    """What is done and who did it are written together, or neither is."""
    with transaction.atomic():
        done = act.do(subject.key, request.user.get_username(), why)
        if done:
            record(request.user, subject, f"{act.done} ({done})" if done > 1 else str(act.done), why)
    return done


def _say(request: HttpRequest, act: Act, done: int, idle: int, refusals: dict[str, int]) -> None:
    if done:
        messages.success(request, f"{act.done}: {done}.")
    if idle:
        messages.warning(request, f"{act.left_alone}: {idle}.")
    for refusal, times in refusals.items():
        messages.error(request, f"{refusal} ({times})" if times > 1 else refusal)
