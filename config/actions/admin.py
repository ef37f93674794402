"""Actions in Django's admin: in the box above a list, and as buttons at the top of a row's page."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.options import IS_POPUP_VAR
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from config.actions import Action, pages, recorded
from config.actions.pages import Place, perform, too_many


@dataclass(frozen=True)
class Offer:
    """An action that makes sense for a row now, and its URL."""

    name: str
    title: str
    explanation: str
    permission: str
    address: str


def offers(actions: Sequence[Action], row: Model) -> list[Offer]:
    """The actions that make sense for this row, the same on every page."""
    return [_offer(each, row) for each in actions if each.offered(row)]


class ActionAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # it takes no brackets when it runs
    """Mixin for the admin of a model."""

    list_actions: ClassVar[tuple[Action, ...]] = ()
    page_actions: ClassVar[tuple[Action, ...]] = ()
    change_form_template = "actions/change_form.html"
    object_history_template = "actions/object_history.html"

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.act_on_row)
        return [path("<int:pk>/way-out/<slug:name>/", view, name=_page_name(self.model, "action")), *super().get_urls()]

    def get_actions(self, request: HttpRequest) -> Any:
        """Django's actions, and those of ours that the user may take."""
        own = {
            action.name: (partial(ActionAdmin.act_on_list, action=action), action.name, _label(action))
            for action in self.list_actions
            if action.allows(request.user)
        }
        return super().get_actions(request) | ({} if IS_POPUP_VAR in request.GET else own)

    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Any = None,
    ) -> HttpResponse:
        """With the actions that make sense now and that the user may take."""
        user = request.user
        allowed = [action for action in self.page_actions if obj and action.allows(user) and action.offered(obj)]
        shown = [_offer(action, obj) for action in allowed if action.allows(user, [action.about(obj)])]
        return super().render_change_form(request, context | {"offers": shown}, add, change, form_url, obj)

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """With our messages in the reader's language, like Django's own."""
        page = super().history_view(request, object_id, extra_context)
        if isinstance(page, TemplateResponse) and page.context_data:
            for entry in page.context_data["action_list"]:
                entry.change_message = recorded(entry.change_message)
        return page

    def act_on_row(self, request: HttpRequest, pk: int, name: str) -> HttpResponse:
        """One action on one row. A row or an action that does not exist is a 404."""
        action = next((each for each in self.page_actions if each.name == name), None)
        row = self.get_object(request, str(pk))
        if action is None or row is None:
            raise Http404
        if not self.has_view_permission(request, row):
            raise PermissionDenied
        back = reverse(f"admin:{_page_name(self.model, 'change')}", args=[pk])
        return perform(request, action, [action.about(row)], Place(back, str(row), self._around(request)))

    def act_on_list(self, request: HttpRequest, queryset: QuerySet[Any], action: Action) -> HttpResponse | None:
        """One action on the chosen rows. Returns None to go back to the list; a message there says why."""
        rows = list(queryset.order_by("pk")[: pages.MOST_AT_ONCE + 1])
        if too_many(request, len(rows)):
            return None
        if action.one_by_one:
            return self._one(request, rows, action)
        subjects = [action.about(row) for row in rows]
        place = Place(
            request.get_full_path(),
            capfirst(str(self.opts.verbose_name_plural)),
            self._around(request),
            [("action", action.name), *((ACTION_CHECKBOX_NAME, subject.key) for subject in subjects)],
            [subject for subject in subjects if action.form and not action.offered(subject.row)],
        )
        return perform(request, action, subjects, place)

    def _one(self, request: HttpRequest, rows: Sequence[Model], action: Action) -> HttpResponse | None:
        if len(rows) == 1:
            return HttpResponseRedirect(_address(rows[0], action))
        messages.warning(request, _("Please choose one row: each has a reason of its own."))
        return None

    def _around(self, request: HttpRequest) -> dict[str, Any]:
        return {**self.admin_site.each_context(request), "opts": self.opts}


def _offer(action: Action, row: Model) -> Offer:
    return Offer(action.name, str(action.title), str(action.explanation), action.permissions[0], _address(row, action))


def _label(action: Action) -> str:
    return f"{action.title}…" if action.form else str(action.title)


def _address(row: Model, action: Action) -> str:
    return reverse(f"admin:{_page_name(type(row), 'action')}", args=[row.pk, action.name])


def _page_name(model: type[Model], page: str) -> str:
    return f"{model._meta.app_label}_{model._meta.model_name}_{page}"
