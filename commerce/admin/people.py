"""The admin of users, and what Django's own deeds lack: each writes its history in its own transaction."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.actions import delete_selected
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

from commerce.staff import second_factor
from commerce.staff.forms import StaffLoginForm
from config.actions import Action, Reason, row_of
from config.actions.admin import ActionAdmin


def delete_together(model_admin: Any, request: HttpRequest, rows: QuerySet[Any]) -> HttpResponse | None:
    """Django's action, in one transaction with its history."""
    with transaction.atomic():
        return delete_selected(model_admin, request, rows)


delete_together.allowed_permissions = ("delete",)  # type: ignore[attr-defined]
delete_together.short_description = delete_selected.short_description  # type: ignore[attr-defined]
admin.site.add_action(delete_together, "delete_selected")
admin.site.unregister([User, TOTPDevice, StaticDevice])  # a page that shows keys and codes would give them away
admin.site.login_form = StaffLoginForm
admin.site.login_template = "commerce/staff/login.html"

REMOVE_SECOND_FACTOR = Action(
    "remove-second-factor", _("Remove the second factor"),
    _("For a person who has lost the phone and the recovery codes. Make sure who asks: the password alone lets in then,"
      " until a new second factor is set up."),
    ("otp_totp.delete_totpdevice",), row_of(User), second_factor.remove, _("Second factors removed"),
    _("There was no second factor"), Reason, offered=second_factor.has_one, one_by_one=True,
)  # fmt: skip


@admin.register(User)
class PeopleAdmin(ActionAdmin, UserAdmin):  # type: ignore[type-arg]  # it takes no brackets when it runs
    """Django's, with the history of a changed password in its transaction."""

    page_actions = (REMOVE_SECOND_FACTOR,)

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:  # noqa: A002
        with transaction.atomic():
            return super().user_change_password(request, id, form_url)
