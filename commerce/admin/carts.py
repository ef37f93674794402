"""The admin of carts."""

from typing import Any

from django.contrib import admin
from django.contrib.auth import get_user_model
from django.db.models import Q
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from billing.admin.bases import LargeTable, ReadOnlyAdmin, ReadOnlyInline, link_to_row
from commerce.models import Cart, CartItem


class ItemInline(ReadOnlyInline):
    model = CartItem
    fields = ("product", "quantity")
    show_change_link = False

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("product")


@admin.register(Cart)
class CartAdmin(LargeTable, ReadOnlyAdmin):
    """Read-only, for support on the phone."""

    list_display = ("id", "owner", "created_at", "changed_at")
    list_filter = ("changed_at",)
    list_select_related = ("customer",)
    search_fields = ("id", "customer__username")
    search_help_text = _("Exact match: the number of the cart, or the customer's user name.")
    fields = ("owner", "created_at", "changed_at")
    readonly_fields = fields
    inlines = (ItemInline,)

    @admin.display(description=pgettext_lazy("name", "customer"))
    def owner(self, cart: Cart) -> str | SafeString:
        """Empty: a guest."""
        if cart.customer is None:
            return self.get_empty_value_display()
        return link_to_row(get_user_model(), cart.customer_id, cart.customer)

    def named(self, word: str) -> Q:
        customers = get_user_model()._default_manager.filter(username=word).values_list("pk", flat=True)
        return super().named(word) | Q(customer_id__in=list(customers))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Allowed only as a part of deleting a customer. Otherwise the cleanup deletes carts."""
        here = request.resolver_match.url_name if request.resolver_match else None
        return str(here).startswith("auth_user_") and request.user.has_perm("commerce.delete_cart")
