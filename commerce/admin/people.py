"""The admin of users, and what Django's own deeds lack: each writes its history in its own transaction."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.actions import delete_selected
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse


def delete_together(model_admin: Any, request: HttpRequest, rows: QuerySet[Any]) -> HttpResponse | None:
    """Django's action, in one transaction with its history."""
    with transaction.atomic():
        return delete_selected(model_admin, request, rows)


delete_together.allowed_permissions = ("delete",)  # type: ignore[attr-defined]
delete_together.short_description = delete_selected.short_description  # type: ignore[attr-defined]
admin.site.add_action(delete_together, "delete_selected")
admin.site.unregister(User)


@admin.register(User)
class PeopleAdmin(UserAdmin):  # type: ignore[type-arg]  # it takes no brackets when it runs
    """Django's, with the history of a changed password in its transaction."""

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:  # noqa: A002
        with transaction.atomic():
            return super().user_change_password(request, id, form_url)
