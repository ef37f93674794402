"""The admin of products, sellers and delivery methods."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import F
from django.forms import Field, ModelForm
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from billing.admin.bases import OurAdmin, money
from commerce.models import DeliveryMethod, Product, Seller
from commerce.models.catalogue import Named


@admin.register(Seller)
class SellerAdmin(OurAdmin):
    """Products of an inactive seller are not for sale; mails that are queued already are sent."""

    list_display = ("name", "email", "language", "active")
    list_filter = ("active",)
    search_fields = ("name", "email")


class NamedAdmin(OurAdmin):
    """A list of names in the reader's language."""

    @admin.display(description=pgettext_lazy("name in Named", "name"), ordering="name")
    def title(self, row: Named) -> str:
        return row.title


@admin.register(Product)
class ProductAdmin(NamedAdmin):
    """A new stock is applied as the difference to the stock on the page, because sales continue meanwhile."""

    list_display = ("title", "seller", "price", "stock", "active")
    list_editable = ("stock", "active")
    list_filter = ("active", "seller")
    list_select_related = ("seller",)
    search_fields = ("name", "name_ru", "slug")
    prepopulated_fields = {"slug": ("name",)}
    price = money("price", "price_minor")

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Field | None:
        """The page sends the stock that it showed, for comparison."""
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field and db_field.name == "stock":
            field.show_hidden_initial = True
        return field

    def save_model(self, request: HttpRequest, obj: Any, form: "ModelForm[Any]", change: bool) -> None:
        if not change:
            super().save_model(request, obj, form, change)
            return
        obj.save(update_fields=[name for name in form.changed_data if name != "stock"])
        if "stock" in form.changed_data:
            self._move_stock(request, obj, obj.stock - _shown_stock(form))

    def _move_stock(self, request: HttpRequest, product: Product, difference: int) -> None:
        """Change the stock in the database, never below 0."""
        rows = Product.objects.filter(pk=product.pk, stock__gte=-difference)
        if not rows.update(stock=F("stock") + difference):
            problem = _("The stock of %(product)s was not changed: too many were sold meanwhile.")
            self.message_user(request, problem % {"product": product.title}, messages.ERROR)
        product.refresh_from_db(fields=["stock"])


@admin.register(DeliveryMethod)
class DeliveryMethodAdmin(NamedAdmin):
    """Orders keep the name and price they were placed with; a change here does not affect them."""

    list_display = ("title", "price", "needs_address", "position", "active")
    list_editable = ("position", "active")
    list_filter = ("active", "currency")
    search_fields = ("name", "name_ru")
    price = money("price", "price_minor")


def _shown_stock(form: "ModelForm[Any]") -> int:
    """The stock that the page showed; without it, the stock that the request read."""
    shown = form.fields["stock"].to_python(form.data.get(form.add_initial_prefix("stock")))
    return int(form.initial["stock"] if shown is None else shown)
