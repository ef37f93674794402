"""Actions: what an operator may do, declared once for the console, the admin and the commands.

An `Action` finds its subject, may ask for a reason, does the work and records it. `pages` shows it in the browser;
`admin` adds actions to the lists and pages of Django's admin.
"""

import logging
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django import forms
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.db.models import Model
from django.utils import translation
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

log = logging.getLogger(__name__)

Text = Promise | str
Who = User | str
"""A user of the site, or the operating system's user name at the command line."""

WHY_CHARS = 150

NOTHING_TO_DO = _("Left alone, because there was nothing to do")


class ActionRefused(Exception):
    """The action was not done. The message says why and is shown."""


class RefusedForAll(ActionRefused):
    """All other subjects would be refused for the same reason, so they are not tried: a person waits for the page."""


@dataclass(frozen=True)
class Subject:
    """The thing that an action is done to."""

    key: str
    """The argument of `Action.find`."""

    name: str
    row: Model
    """The history of this row gets the record."""

    target: Any = None
    """The argument of `do`; None: the row's primary key."""

    permissions: tuple[str, ...] = ()
    """Permissions needed besides those of the action."""


class Question(forms.Form):
    """Asks for a confirmation, without a reason."""

    confirmed = forms.CharField(widget=forms.HiddenInput, initial="yes", required=False)

    def __init__(self, subjects: Sequence[Subject], data: Mapping[str, Any] | None = None) -> None:
        """Only data with one of its fields answers the form: a button may send only the choice of rows."""
        super().__init__(data if any(name in (data or {}) for name in self.base_fields) else None)
        self.subjects = subjects

    @property
    def answers(self) -> dict[str, Any]:
        """The arguments for the action's `do`."""
        return {name: value for name, value in self.cleaned_data.items() if name != "confirmed"}


class Reason(Question):
    """Asks for a reason."""

    why = forms.CharField(
        max_length=WHY_CHARS,
        label=_("Why?"),
        widget=forms.TextInput(attrs={"size": 80, "class": "vTextField", "autofocus": True}),
    )


@dataclass(frozen=True)
class Action:
    """Something that a person may do."""

    name: str
    """Part of its URL."""

    title: Text
    """The text of its button."""

    explanation: Text
    """Its effect, and what it leaves alone; shown on the page that asks."""

    permissions: tuple[str, ...]
    find: Callable[[str], Model | Subject | None]
    """The subject of a key; None if there is none."""

    do: Callable[..., object]
    """Called with the target, the user's name and the form's answers. Returns False or 0 if there was nothing to do, or
    the number of things done; any other result means done. One whose `repeated` is true was done by an earlier click on
    the same form: the history has it. Raises ActionRefused."""

    done: Text
    """The sentence in the history, and the message afterwards about several subjects."""

    left_alone: Text = NOTHING_TO_DO
    form: type[Question] | None = None
    """The questions to ask first; None: do it at once."""

    offered: Callable[[Any], bool] = lambda row: True
    """Does it make sense for this row now? The row may change before the click, so `do` checks again."""

    told: Callable[[Subject, Any], Text] | None = None
    """The message about one subject, with the facts: called with the subject and the result of `do`. None: `done`."""

    named: Callable[[Any], str] = str
    one_by_one: bool = False
    """Refuse several rows at once: each needs its own answers."""

    stops: bool = False
    """Does it stop work? Its button shows that."""

    template: str = "actions/ask.html"
    stake: Callable[[Any, Mapping[str, Any]], Sequence[Any]] | None = None
    """The amounts of money that it decides about, from the locked row and the form's answers; None: no money."""

    is_decision: bool = False
    """Does it decide about money in another way? What has a stake does."""

    subject_of: Callable[[Any], Subject] | None = None
    """The subject of a row; None: the row itself."""

    @property
    def about_money(self) -> bool:
        return self.is_decision or self.stake is not None

    @property
    def asks_why(self) -> bool:
        return self.form is not None and issubclass(self.form, Reason)

    def allows(self, user: Any, subjects: Iterable[Subject] = ()) -> bool:
        """May this user do it to these subjects?"""
        needed = {need for subject in subjects for need in subject.permissions}
        return bool(user.has_perms({*self.permissions, *needed}))

    def about(self, row: Model) -> Subject:
        """The row as a subject."""
        return self.subject_of(row) if self.subject_of else Subject(str(row.pk), self.named(row), row)

    def subject(self, key: str) -> Subject | None:
        """The subject that a key names; None if there is none."""
        found = None if "\0" in key else self.find(key)
        return self.about(found) if isinstance(found, Model) else found


@dataclass
class Outcome:
    """The results for several subjects."""

    done: int = 0
    told: str = ""
    """The sentence of `Action.told`, if there was one subject and it was done."""
    left_alone: int = 0
    held: int = 0
    """Not done yet: they wait for another person."""
    refusals: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class Held:
    """An action that a gate has held: it is not done now, but waits for another person."""

    done: Text
    """The sentence in the history."""

    told: Text
    """The message for the person who wanted it."""

    repeated: bool
    """Has an earlier click on the same form written the history?"""


Gate = Callable[[Action, Subject, Who, Mapping[str, Any]], Held | None]

GATES: list[Gate] = []
"""Asked before each action, in its transaction; the first one that holds it decides. Apps add theirs when they start:
this package has no models."""


def do_all(action: Action, subjects: Sequence[Subject], who: Who, answers: Mapping[str, Any]) -> Outcome:
    """Do it to each subject on its own: a refused one does not stop the others."""
    outcome = Outcome()
    for subject in subjects:
        try:
            result = do_one(action, subject, who, **answers)
        except ActionRefused as refusal:
            outcome.refusals[str(refusal)] += 1
            if isinstance(refusal, RefusedForAll):
                break
        else:
            if isinstance(result, Held):
                outcome.held, outcome.told = outcome.held + 1, str(result.told)
                continue
            times = _times(result)
            outcome.done += times
            outcome.left_alone += not times
            if action.told and times and len(subjects) == 1:
                outcome.told = str(action.told(subject, result))
    return outcome


def do_one(action: Action, subject: Subject, who: Who, **answers: Any) -> Any:
    """Do it and record it in one transaction. Returns the result of `do`, or what holds it. Raises ActionRefused.

    The history is written first: what is done outside of the database, like a message that is sent, cannot be rolled
    back, and must not be done without it.
    """
    why = answers.get("why", "")
    with transaction.atomic():
        entry = None if isinstance(who, str) else _entry(who, action, subject, why)
        held = next((held for gate in GATES if (held := gate(action, subject, who, answers))), None)
        target = subject.row.pk if subject.target is None else subject.target
        result = held or action.do(target, name_of(who), **answers)
        times = 0 if getattr(result, "repeated", False) else _times(result)
        done = _in_english(held.done if held else action.done, times)
        if entry and not times:
            entry.delete()
        elif entry and (held or times > 1):
            entry.change_message = _message(done, why)
            entry.save(update_fields=["change_message"])
        elif times and not entry:
            log.warning("action.done", extra={"by": who, "action": done, "subject": subject.name[:200], "why": why})
    return result


def name_of(who: Who) -> str:
    return who if isinstance(who, str) else who.get_username()


def _entry(who: User, action: Action, subject: Subject, why: str) -> LogEntry:
    """The record of the admin's history."""
    return LogEntry.objects.create(
        user=who,
        content_type=ContentType.objects.get_for_model(subject.row, for_concrete_model=False),
        object_id=str(subject.row.pk),
        object_repr=subject.name[:200],
        action_flag=CHANGE,
        change_message=_message(_in_english(action.done), why),
    )


def _in_english(done: Text, times: int = 1) -> str:
    """The history has many readers: `recorded` translates it."""
    with translation.override(None):
        return f"{done} ({times})" if times > 1 else str(done)


def _message(done: str, why: str) -> str:
    return f"{done}: {why}" if why else f"{done}."


def recorded(message: str) -> str:
    """A message of the admin's history, with what was done in the reader's language; the reason stays as written."""
    return re.sub(r"^[^.:(]+(?=\.$|: | \([0-9]+\)(?:\.$|: ))", lambda done: gettext(done[0]), message)


def row_of(model: type[Model], *without: str) -> Callable[[str], Model | None]:
    """Returns a function that finds a row by its primary key and leaves out the named large columns."""

    def find(key: str) -> Model | None:
        try:
            return model._default_manager.defer(*without).filter(pk=key).first()
        except ValueError:
            return None

    return find


def _times(result: object) -> int:
    return int(result) if isinstance(result, int) else 1
