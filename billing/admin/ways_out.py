"""Ways out: what an operator can do about money that waits for a person, each with a form that asks why.

A way out is offered on the page of its row where it makes sense. Whoever takes it is written down on the row, and in
the admin's own history. The form carries a key that was made when it was shown, so a double click does it once.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import uuid4

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

if TYPE_CHECKING:
    Base = admin.ModelAdmin[Any]
else:
    Base = admin.ModelAdmin


class WhyForm(forms.Form):
    """Why, and the key that makes a second click the same click."""

    why = forms.CharField(max_length=150, label="Reason", help_text="For whoever reads this later.")
    key = forms.CharField(widget=forms.HiddenInput, max_length=32, min_length=32)

    def __init__(self, row: Any, data: Mapping[str, Any] | None = None) -> None:
        super().__init__(data, initial={"key": uuid4().hex})
        self.row = row


@dataclass(frozen=True)
class WayOut:
    """One thing to do about a row.

    `act` gets the row, the operator's name and what the form holds. `refusals` are the errors whose message is shown.
    """

    name: str
    title: str
    explanation: str
    permission: str
    offered: Callable[[Any], bool]
    act: Callable[[Any, str, dict[str, Any]], object]
    refusals: tuple[type[Exception], ...]
    form: type[WhyForm] = WhyForm


class WaysOut(Base):
    """Mixed into the admin of a model: links on each page, and a form behind each of them."""

    ways_out: ClassVar[tuple[WayOut, ...]] = ()

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.take_way_out)
        return [path("<int:pk>/way-out/<slug:name>/", view, name=self._address_name), *super().get_urls()]

    @admin.display(description="what you can do")
    def offers(self, row: Any) -> SafeString | str:
        """Links to those that make sense now."""
        links = [(self._address(row, way.name), way.title) for way in self.ways_out if way.offered(row)]
        return format_html_join(" · ", '<a href="{}">{}…</a>', links) or "–"

    def take_way_out(self, request: HttpRequest, pk: int, name: str) -> HttpResponse:
        """Show the form, or do what it says. Who may not is told so (403); a way out that is not there is a 404."""
        way = next((each for each in self.ways_out if each.name == name), None)
        row = self.get_object(request, str(pk))
        if way is None or row is None:
            raise Http404
        if not (self.has_view_permission(request, row) and request.user.has_perm(way.permission)):
            raise PermissionDenied
        form = way.form(row, request.POST or None)
        if form.is_valid() and self._act(way, form, request):
            return HttpResponseRedirect(reverse(f"admin:{self._model_name}_change", args=[pk]))
        page = {"title": way.title, "way": way, "row": row, "form": form, "opts": self.model._meta}
        context = {**self.admin_site.each_context(request), **page}
        return TemplateResponse(request, "billing/admin/way_out.html", context, status=409 if form.errors else 200)

    def _act(self, way: WayOut, form: WhyForm, request: HttpRequest) -> bool:
        try:
            way.act(form.row, request.user.get_username(), form.cleaned_data)
        except way.refusals as refusal:
            form.add_error(None, str(refusal))
            return False
        self.log_change(request, form.row, f"{way.title}: {form.cleaned_data['why']}")
        self.message_user(request, f"Done: {way.title}.", messages.SUCCESS)
        return True

    def _address(self, row: Any, name: str) -> str:
        return reverse(f"admin:{self._address_name}", args=[row.pk, name])

    @property
    def _address_name(self) -> str:
        return f"{self._model_name}_way_out"

    @property
    def _model_name(self) -> str:
        return f"{self.model._meta.app_label}_{self.model._meta.model_name}"
