"""Carts. A cart reserves nothing: placing the order takes the stock."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from billing.money import Money
from commerce.models.catalogue import Product


class Obstacle(models.TextChoices):
    """Why a line of a cart cannot be ordered as it is."""

    NONE = "", pgettext_lazy("obstacle", "none")
    NOT_SOLD = "not_sold", _("no longer sold")
    SOLD_OUT = "sold_out", _("sold out")
    TOO_FEW = "too_few", _("fewer left than wanted")


class Cart(models.Model):
    """The cart of a customer, or an anonymous one whose id is in the session."""

    customer = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, null=True, blank=True, related_name="+", db_index=False
    )
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now=True, help_text=_("The last time its content changed."))

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["customer"], condition=Q(customer__isnull=False), name="cart_one_per_customer"
            ),
        ]
        indexes: ClassVar = [
            # cleanup_old_carts: the oldest first, batch after batch.
            models.Index(fields=["changed_at", "id"], name="cart_by_age"),
        ]

    def __str__(self) -> str:
        return gettext("cart %(pk)s") % {"pk": self.pk}


class CartItem(models.Model):
    """A product and its quantity."""

    cart = models.ForeignKey(Cart, models.CASCADE, related_name="items")
    product = models.ForeignKey(Product, models.CASCADE, related_name="+")
    quantity = models.PositiveIntegerField()

    class Meta:
        ordering: ClassVar = ["id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["cart", "product"], name="cart_item_once_per_product"),
            models.CheckConstraint(condition=Q(quantity__gt=0), name="cart_item_quantity_is_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} × {self.product}"

    @property
    def total(self) -> Money:
        """At the catalogue's current price."""
        return self.product.price * self.quantity

    @property
    def obstacle(self) -> Obstacle:
        """Why this line cannot be ordered, by the current stock."""
        if not self.product.for_sale:
            return Obstacle.NOT_SOLD
        if not self.product.stock:
            return Obstacle.SOLD_OUT
        return Obstacle.TOO_FEW if self.product.stock < self.quantity else Obstacle.NONE
