"""Products."""

from typing import Any, ClassVar

from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils.translation import get_language

from billing.money import Money
from commerce.models.named import Named
from commerce.models.seller import Seller
from commerce.search import fold

FOR_SALE = Q(active=True, seller__active=True)
"""Products that can be ordered while stock lasts."""


class Product(Named):
    """One product. `stock` is what can still be ordered: a placed order has taken its share already."""

    TEXTS: ClassVar = ("name", "name_ru", "description", "description_ru")
    """The columns that customers search."""

    slug = models.SlugField(unique=True)
    description = models.TextField("description in English", blank=True)
    description_ru = models.TextField("description in Russian", blank=True, default="", db_default="")
    search_text = models.TextField(editable=False, default="", db_default="", help_text="TEXTS, folded, by save().")
    picture = models.CharField(max_length=100, blank=True, help_text="Path of a static file.")
    price_minor = models.BigIntegerField("price in minor units")
    currency = models.CharField(max_length=3, default="EUR")
    stock = models.PositiveIntegerField(default=0)
    active = models.BooleanField(default=True)
    seller = models.ForeignKey(Seller, models.PROTECT, related_name="products")

    class Meta:
        ordering: ClassVar = ["name", "id"]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(price_minor__gt=0), name="product_price_is_positive"),
            models.CheckConstraint(condition=Q(stock__gte=0), name="product_stock_is_not_negative"),
        ]

    def save(self, *args: Any, **options: Any) -> None:
        """Keeps `search_text` in step with the texts; a bulk update would not."""
        self.search_text = fold(*(getattr(self, name) for name in self.TEXTS))
        fields = options.get("update_fields")
        if fields is not None and not set(self.TEXTS).isdisjoint(fields):
            options["update_fields"] = {*fields, "search_text"}
        super().save(*args, **options)

    def get_absolute_url(self) -> str:
        """The product's page; Django's admin links to it."""
        return reverse("product", args=[self.slug])

    @property
    def about(self) -> str:
        """The description, in the language of the page."""
        return (self.description_ru if get_language() == "ru" else "") or self.description

    @property
    def price(self) -> Money:
        """For one piece."""
        return Money(self.price_minor, self.currency)

    @property
    def for_sale(self) -> bool:
        """FOR_SALE, for one product in memory."""
        return self.active and self.seller.active
