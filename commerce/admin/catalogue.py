"""The goods, who sells them, and how they reach the customer."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import F
from django.forms import Field, ModelForm
from django.http import HttpRequest

from billing.admin import OurAdmin
from commerce.models import DeliveryMethod, Product, Seller


@admin.register(Seller)
class SellerAdmin(OurAdmin):
    """Who sells. Goods of a seller who is not active are not for sale; mails that are queued already go out."""

    list_display = ("name", "email", "language", "active")
    list_filter = ("active",)
    search_fields = ("name", "email")


@admin.register(Product)
class ProductAdmin(OurAdmin):
    """The goods. A new stock counts as a difference to the stock that the page showed: sales go on meanwhile."""

    list_display = ("name", "seller", "price", "stock", "active")
    list_editable = ("stock", "active")
    list_filter = ("active", "seller")
    list_select_related = ("seller",)
    search_fields = ("name", "name_ru", "slug")
    prepopulated_fields = {"slug": ("name",)}

    @admin.display(ordering="price_minor")
    def price(self, product: Product) -> str:
        return str(product.price)

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Field | None:
        """The page carries the stock it showed, to compare with."""
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
        """In the database, never below nothing."""
        rows = Product.objects.filter(pk=product.pk, stock__gte=-difference)
        if not rows.update(stock=F("stock") + difference):
            problem = f"The stock of {product.name} was not changed: too much of it has been sold meanwhile."
            self.message_user(request, problem, messages.ERROR)
        product.refresh_from_db(fields=["stock"])


@admin.register(DeliveryMethod)
class DeliveryMethodAdmin(OurAdmin):
    """How goods reach customers. Orders keep the name and price they were placed with, whatever is changed here."""

    list_display = ("name", "price", "position", "active")
    list_editable = ("position", "active")
    list_filter = ("active", "currency")
    search_fields = ("name", "name_ru")

    @admin.display(ordering="price_minor")
    def price(self, method: DeliveryMethod) -> str:
        return str(method.price)


def _shown_stock(form: "ModelForm[Any]") -> int:
    """The stock that the page showed; without it, what the database held a moment ago."""
    shown = form.fields["stock"].to_python(form.data.get(form.add_initial_prefix("stock")))
    return int(form.initial["stock"] if shown is None else shown)
