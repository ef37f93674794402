"""An action in the browser: who may, what is asked, what is said afterwards."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _

from config.actions.forms import Question
from config.actions.model import Action, Outcome, Subject, Text, do_all

MOST_AT_ONCE = 500
"""Rows that one request may work on: a person waits for it."""


@dataclass(frozen=True)
class Place:
    """Where an action is taken: in the console, in a list of the admin, or on a row's page."""

    back: str
    back_name: Text
    context: Mapping[str, Any]
    hidden: Sequence[tuple[str, str]] = ()
    """Fields that the page sends along, so that the same subjects are found again."""

    left_alone: Sequence[Subject] = field(default_factory=tuple)
    """Chosen, but the action makes no sense for them now."""


def perform(request: HttpRequest, action: Action, subjects: Sequence[Subject], place: Place) -> HttpResponse:
    """Ask, or do it. Raises PermissionDenied."""
    if not action.allows(request.user, subjects):
        raise PermissionDenied
    form = action.form(subjects, request.POST) if action.form else None
    if request.method != "POST" or (form and not form.is_valid()):
        return _ask(request, action, subjects, form, place)
    user: Any = request.user
    outcome = do_all(action, subjects, user, form.answers if form else {})
    if form and len(subjects) == 1 and outcome.refusals:
        form.add_error(None, list(outcome.refusals))
        return _ask(request, action, subjects, form, place)
    _say(request, action, outcome)
    return HttpResponseRedirect(place.back)


def too_many(request: HttpRequest, number: int) -> bool:
    """Says so, if it is."""
    if number > MOST_AT_ONCE:
        messages.error(request, _("Nothing was done: please choose at most %(most)s rows.") % {"most": MOST_AT_ONCE})
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
    if outcome.done:
        messages.success(request, f"{action.done}: {outcome.done}.")
    if outcome.left_alone:
        messages.warning(request, f"{action.left_alone}: {outcome.left_alone}.")
    for refusal, times in outcome.refusals.items():
        messages.error(request, f"{refusal} ({times})" if times > 1 else refusal)
