"""What the shop's pages in the admin have in common."""

from typing import Any

from django.forms import ModelForm
from django.http import HttpRequest

from billing.admin.bases import SturdyList


class KeepsTheRest(SturdyList):
    """Saves only what the form changed: the page may be old, and orders and stock move meanwhile."""

    def save_model(self, request: HttpRequest, obj: Any, form: "ModelForm[Any]", change: bool) -> None:
        if change:
            obj.save(update_fields=form.changed_data)
        else:
            super().save_model(request, obj, form, change)
