"""The personal data of an order's customer, from the order's page."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from commerce.models import Order
from commerce.personal_data.actions import EXPORT
from config.actions import ActionRefused, do_one
from config.cli.tables import as_json


class PersonalDataAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # it takes no brackets when it runs
    """Mixin for the admin of orders: a link to the export for those who may, and fields that stay empty once erased."""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.export_personal_data)
        return [path("<int:pk>/personal-data.json", view, name="commerce_order_personal_data"), *super().get_urls()]

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        shown = [*super().get_fields(request, obj), *["erased_at"] * bool(obj and obj.erased_at)]
        return [*shown, "personal_data"] if obj and EXPORT.offered(obj) and EXPORT.allows(request.user) else shown

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        erased = ["name", "address", "erased_at"] if obj and obj.erased_at else []
        return [*super().get_readonly_fields(request, obj), *erased, "personal_data"]

    @admin.display(description=_("personal data"))
    def personal_data(self, order: Order) -> SafeString:
        address = reverse("admin:commerce_order_personal_data", args=[order.pk])
        return format_html('<a href="{}">{}</a>', address, _("Export all data of this customer"))

    def export_personal_data(self, request: HttpRequest, pk: int) -> HttpResponse:
        """A file of JSON. 404 for an order that names nobody."""
        order = self.get_object(request, str(pk))
        if order is None or not EXPORT.offered(order):
            raise Http404
        if not (self.has_view_permission(request, order) and EXPORT.allows(request.user)):
            raise PermissionDenied
        user: Any = request.user
        try:
            text = as_json(do_one(EXPORT, EXPORT.about(order), user))
        except ActionRefused as refusal:
            return HttpResponse(str(refusal), "text/plain; charset=utf-8", status=409)
        name = f"customer-of-{order.number}.json"
        return HttpResponse(text, "application/json", headers={"Content-Disposition": f'attachment; filename="{name}"'})
