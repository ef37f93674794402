"""The one form that asks for a reason. An action that needs more, like an amount, adds fields to it."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from config.actions.model import Subject

WHY_CHARS = 150


class Question(forms.Form):
    """Asks for a confirmation, without a reason."""

    confirmed = forms.CharField(widget=forms.HiddenInput, initial="yes", required=False)

    def __init__(self, subjects: "Sequence[Subject]", data: Mapping[str, Any] | None = None) -> None:
        """The form counts as answered only if the data holds one of its fields: a button may send only the choice of
        rows."""
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
