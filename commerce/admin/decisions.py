"""Actions that a person decides on: a page asks once more, says what is left alone, and may want to know why."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db import transaction
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from billing.admin import LargeTable


@dataclass(frozen=True)
class Decision:
    """What an action does to each chosen row."""

    action: str
    question: str
    """The heading of the page."""

    warning: str
    possible: Q
    """The rows that it can be done to. That may be over when the button is pressed, so `do` looks again."""

    do: Callable[[int, str, str], bool]
    """With the key of a row, who wants it, and why. False: it was left alone."""

    button: str
    done: str
    """Also the sentence in the row's history."""

    left_alone: str
    """Which rows, and why."""

    asks_why: bool = True


class Why(forms.Form):
    """The reason, for whoever reads the history."""

    why = forms.CharField(
        max_length=150,
        label="Why?",
        widget=forms.TextInput(attrs={"size": 80, "class": "vTextField", "autofocus": True}),
    )


class Decides(LargeTable):
    """A list with decisions among its actions."""

    def decide(self, request: HttpRequest, queryset: QuerySet[Any], decision: Decision) -> HttpResponse | None:
        """The page first, and what it asks about once somebody has confirmed it there and given a reason."""
        if not self.few_enough(request, queryset):
            return None
        confirmed = "confirmed" in request.POST
        form = Why(request.POST if confirmed else None)
        if not confirmed or (decision.asks_why and not form.is_valid()):
            return self._ask(request, queryset, decision, form)
        why = form.cleaned_data["why"] if decision.asks_why else ""
        rows = list(queryset.order_by("pk"))
        done = sum(self._do(request, row, decision, why) for row in rows)
        self._say(request, decision, done, len(request.POST.getlist(ACTION_CHECKBOX_NAME)) - done)
        return None

    def named_on_page(self, row: Any) -> str:
        """How the page names a row."""
        return str(row)

    def _ask(self, request: HttpRequest, queryset: QuerySet[Any], decision: Decision, form: Why) -> HttpResponse:
        chosen, possible = list(queryset), set(queryset.filter(decision.possible).values_list("pk", flat=True))
        page = {
            **self.admin_site.each_context(request),
            "title": decision.question,
            "opts": self.opts,
            "decision": decision,
            "form": form if decision.asks_why else None,
            "possible": self._names(row for row in chosen if row.pk in possible),
            "others": self._names(row for row in chosen if row.pk not in possible),
            "checkbox": ACTION_CHECKBOX_NAME,
            "chosen": [row.pk for row in chosen],
            "back": request.get_full_path(),
        }
        return TemplateResponse(request, "commerce/admin/decision.html", page)

    def _names(self, rows: Any) -> Sequence[str]:
        return [self.named_on_page(row) for row in rows]

    def _do(self, request: HttpRequest, row: Any, decision: Decision, why: str) -> bool:
        """What is done and who did it are written together."""
        with transaction.atomic():
            done = decision.do(row.pk, request.user.get_username(), why)
            if done:
                self.log_change(request, row, f"{decision.done}: {why}" if why else f"{decision.done}.")
        return done

    def _say(self, request: HttpRequest, decision: Decision, done: int, others: int) -> None:
        if done:
            self.message_user(request, f"{decision.done}: {done}.", messages.SUCCESS)
        if others:
            self.message_user(request, f"{decision.left_alone}: {others}.", messages.WARNING)
