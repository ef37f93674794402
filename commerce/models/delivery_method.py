"""Delivery methods."""

from typing import ClassVar

from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q

from billing.money import LARGEST_MINOR, Money
from commerce.models.named import Named


class DeliveryMethod(Named):
    """One price for a whole order. It may be renamed, switched off or deleted at any time: an order keeps the name and
    price it was placed with.
    """

    price_minor = models.BigIntegerField("price in minor units", help_text="0: free.")
    currency = models.CharField(
        max_length=3, default="EUR", validators=[RegexValidator(r"\A[A-Z]{3}\Z", "Three capital letters, like EUR.")]
    )
    active = models.BooleanField(default=True)
    position = models.PositiveSmallIntegerField(
        default=1, help_text="The lowest is the first at the checkout, and the default."
    )

    class Meta:
        ordering: ClassVar = ["position", "id"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(price_minor__gte=0, price_minor__lte=LARGEST_MINOR),
                name="delivery_method_price_is_an_amount",
                violation_error_message="The price is negative or too large.",
            ),
        ]

    @property
    def price(self) -> Money:
        """The price, the same for every order."""
        return Money(self.price_minor, self.currency)
