"""An action in the browser: check the permission, ask, do it, show the result."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _

from config.actions import Action, Outcome, Question, Subject, Text, do_all

MOST_AT_ONCE = 500
"""Rows that one request may change: a person waits for it."""


Guard = Callable[[HttpRequest], HttpResponse | None]

GUARDS: list[Guard] = []
"""Asked before each decision about money: the page to show instead, like one that asks for the password again. Apps add
theirs when they start."""

TYPED = "typed"
"""In the session: a form that was sent, and whose page was left for that of a guard."""


@dataclass(frozen=True)
class Place:
    """The page where the action was chosen: the console, a list of the admin, or a row's page."""

    back: str
    back_name: Text
    context: Mapping[str, Any]
    hidden: Sequence[tuple[str, str]] = ()
    """Hidden fields that find the same subjects again."""

    left_alone: Sequence[Subject] = ()
    """Chosen rows for which the action makes no sense now."""


def perform(request: HttpRequest, action: Action, subjects: Sequence[Subject], place: Place) -> HttpResponse:
    """Ask, or do it. Raises PermissionDenied."""
    if not action.allows(request.user, subjects):
        raise PermissionDenied
    if action.about_money and (instead := next((page for guard in GUARDS if (page := guard(request))), None)):
        return instead
    form = action.form(subjects, request.POST or _typed(request)) if action.form else None
    if request.method != "POST" or (form and not form.is_valid()):
        return _ask(request, action, subjects, form, place)
    user: Any = request.user
    outcome = do_all(action, subjects, user, form.answers if form else {})
    if form and len(subjects) == 1 and outcome.refusals:
        form.add_error(None, list(outcome.refusals))
        return _ask(request, action, subjects, form, place)
    _say(request, action, outcome)
    return HttpResponseRedirect(place.back)


def keep_typed(request: HttpRequest) -> None:
    """Keep the form that was sent, until its page is opened again."""
    if request.method == "POST":
        fields = {name: value for name, value in request.POST.items() if name != "csrfmiddlewaretoken"}
        request.session[TYPED] = {request.get_full_path(): fields}


def _typed(request: HttpRequest) -> dict[str, str]:
    """What was typed on this page before a guard led away from it; it is filled in once, and not done."""
    kept: dict[str, str] = request.session.get(TYPED, {}).get(request.get_full_path(), {})
    if kept:
        del request.session[TYPED]
    return kept


def too_many(request: HttpRequest, number: int) -> bool:
    """Show an error and return True if the number is above MOST_AT_ONCE."""
    if number > MOST_AT_ONCE:
        messages.error(request, _("Nothing was done: please choose %(most)s rows or fewer.") % {"most": MOST_AT_ONCE})
    return number > MOST_AT_ONCE


def _ask(
    request: HttpRequest, action: Action, subjects: Sequence[Subject], form: Question | None, place: Place
) -> HttpResponse:
    page = {
        "title": action.title,
        "action": action,
        "subjects": [subject for subject in subjects if subject not in place.left_alone],
        "form": form,
        "place": place,
        "is_nav_sidebar_enabled": False,
    }
    status = 409 if form and form.errors else 200
    return TemplateResponse(request, action.template, {**place.context, **page}, status=status)


def _say(request: HttpRequest, action: Action, outcome: Outcome) -> None:
    if outcome.held:
        messages.warning(request, f"{outcome.told} ({outcome.held})" if outcome.held > 1 else outcome.told)
    if outcome.done:
        messages.success(request, outcome.told or f"{action.done}: {outcome.done}.")
    if outcome.left_alone:
        messages.warning(request, f"{action.left_alone}: {outcome.left_alone}.")
    for refusal, times in outcome.refusals.items():
        messages.error(request, f"{refusal} ({times})" if times > 1 else refusal)
