"""The personal data of an order's customer, from the order's page: export it, or erase it."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from commerce.models import Order
from commerce.personal_data.erasing import ERASED, Erased, erase
from commerce.personal_data.export import EXPORTED, export
from commerce.personal_data.people import Person
from config.actions import Action, Reason, Subject, record, row_of
from config.cli.tables import as_json

EXPORT = "commerce.export_personal_data"


def _erase(order_id: int, by: str, why: str) -> Erased | bool:
    """False if it was done meanwhile."""
    address = Order.objects.values_list("email", flat=True).get(pk=order_id)
    return bool(address) and erase(Person(address))


def _named(order: Any) -> str:
    """The history keeps the name, so it is none of the customer's."""
    others = Person(order.email).orders.count() - 1 if order.email else 0
    text = ngettext("order %(number)s and %(n)s other order of its customer",
                    "order %(number)s and %(n)s other orders of its customer", others)  # fmt: skip
    return text % {"number": order.number, "n": others}


def _told(_about: Subject, erased: Any) -> str:
    return gettext("Erased: %(what)s.") % {"what": erased}


ERASE = Action(
    "erase-personal-data", _("Erase the customer's data"),
    _("For all orders with this mail address or of its account: name, address and mail address are deleted, with the "
      "account, reviews and the texts of mails. Goods, amounts and payments stay. The provider has data of its own: "
      "delete it in its pages. Make sure that the customer asked for it. This cannot be undone."),
    ("commerce.erase_personal_data",), row_of(Order), _erase, ERASED, _("Nothing was left to erase"), Reason,
    offered=lambda order: order.erased_at is None, named=_named, one_by_one=True, told=_told, stops=True,
)  # fmt: skip


class PersonalDataAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # it takes no brackets when it runs
    """Mixin for the admin of orders: a link to the export, for those who may."""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.export_personal_data)
        return [path("<int:pk>/personal-data.json", view, name="commerce_order_personal_data"), *super().get_urls()]

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        may_export = obj is not None and obj.erased_at is None and request.user.has_perm(EXPORT)
        shown = [*super().get_fields(request, obj), *["erased_at"] * bool(obj and obj.erased_at)]
        return [*shown, "personal_data"] if may_export else shown

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Nobody gets a name again."""
        erased = ["name", "address", "erased_at"] if obj and obj.erased_at else []
        return [*super().get_readonly_fields(request, obj), *erased, "personal_data"]

    @admin.display(description=_("personal data"))
    def personal_data(self, order: Order) -> SafeString:
        address = reverse("admin:commerce_order_personal_data", args=[order.pk])
        return format_html('<a href="{}">{}</a>', address, _("Export all data of this customer"))

    def export_personal_data(self, request: HttpRequest, pk: int) -> HttpResponse:
        """A file of JSON; the order's history says who took it. 404 for an order that names nobody."""
        order = self.get_object(request, str(pk))
        if order is None or not order.email:
            raise Http404
        if not (self.has_view_permission(request, order) and request.user.has_perm(EXPORT)):
            raise PermissionDenied
        user: Any = request.user
        with transaction.atomic():
            text = as_json(export(Person(order.email)))
            record(user, ERASE.about(order), str(EXPORTED), "")
        name = f"customer-of-{order.number}.json"
        return HttpResponse(text, "application/json", headers={"Content-Disposition": f'attachment; filename="{name}"'})
