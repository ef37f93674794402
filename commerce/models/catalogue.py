"""What the shop offers: sellers, their products, and delivery methods."""

import unicodedata
from typing import Any, ClassVar

from django.conf import settings
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from billing.money import LARGEST_MINOR, Money
from commerce.models.validators import validate_mail_domain

FOR_SALE = Q(active=True, seller__active=True)
"""Products that can be ordered while stock lasts."""


def for_reader(english: str, russian: str) -> str:
    """The text in the language of the page or mail; the English one where there is no Russian one."""
    return (russian if get_language() == "ru" else "") or english


class Named(models.Model):
    """Customers read its name. English is required; without a Russian name, Russian readers see the English one."""

    name = models.CharField("name in English", max_length=100)
    name_ru = models.CharField("name in Russian", max_length=100, blank=True, default="", db_default="")

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.title

    @property
    def title(self) -> str:
        """The name, in the reader's language."""
        return for_reader(self.name, self.name_ru)


class Seller(models.Model):
    """Owns products, and gets a mail about what to pack. Products of an inactive seller are not for sale.

    The address is unique, because there is one mail per order and recipient: with one address for two sellers, one of
    them would get no mail.
    """

    name = models.CharField(max_length=100)
    email = models.EmailField(unique=True, validators=[validate_mail_domain])
    language = models.CharField(max_length=8, choices=settings.LANGUAGES, default="en")
    active = models.BooleanField(default=True)

    class Meta:
        ordering: ClassVar = ["name", "id"]

    def __str__(self) -> str:
        return self.name


class Product(Named):
    """One product. `stock` is what can still be ordered: a placed order has taken its share already."""

    TEXTS: ClassVar = ("name", "name_ru", "description", "description_ru")
    """The columns that customers search."""

    slug = models.SlugField(unique=True)
    description = models.TextField("description in English", blank=True)
    description_ru = models.TextField("description in Russian", blank=True, default="", db_default="")
    search_text = models.TextField(editable=False, default="", db_default="", help_text=_("TEXTS, folded, by save()."))
    picture = models.CharField(max_length=100, blank=True, help_text=_("Path of a static file."))
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
        """The description, in the reader's language."""
        return for_reader(self.description, self.description_ru)

    @property
    def price(self) -> Money:
        """For one piece."""
        return Money(self.price_minor, self.currency)

    @property
    def for_sale(self) -> bool:
        """FOR_SALE, for one product in memory."""
        return self.active and self.seller.active


class DeliveryMethod(Named):
    """One price for a whole order. It may be renamed, switched off or deleted at any time: an order keeps the name and
    price it was placed with.
    """

    price_minor = models.BigIntegerField("price in minor units", help_text=_("0: free."))
    currency = models.CharField(
        max_length=3, default="EUR", validators=[RegexValidator(r"\A[A-Z]{3}\Z", _("Three capital letters, like EUR."))]
    )
    needs_address = models.BooleanField(
        default=True, db_default=True, help_text=_("No: customers pick their order up, and are asked for no address.")
    )
    active = models.BooleanField(default=True)
    position = models.PositiveSmallIntegerField(
        default=1, help_text=_("The lowest is the first at the checkout, and the default.")
    )

    class Meta:
        ordering: ClassVar = ["position", "id"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(price_minor__gte=0, price_minor__lte=LARGEST_MINOR),
                name="delivery_method_price_is_an_amount",
                violation_error_message=_("The price is negative or too large."),
            ),
        ]

    @property
    def price(self) -> Money:
        return Money(self.price_minor, self.currency)


def fold(*texts: str) -> str:
    """Text as the search compares it: lower case, one Unicode form for each letter, ё as е, and single spaces.

    SQLite folds the case of ASCII only, PostgreSQL by its locale. So products are stored folded, and so is a query.
    """
    folded = unicodedata.normalize("NFKC", " ".join(texts)).casefold().replace("ё", "е")
    return " ".join(folded.replace("\0", " ").split())
