"""Who sells in the shop."""

from typing import ClassVar

from django.conf import settings
from django.db import models


class Seller(models.Model):
    """Owns goods, and is told by mail what to pack. Goods of a seller who is not active are not for sale.

    The address is unique, because there is one mail per order and recipient: two sellers behind one address would have
    to share it, and one of them would not hear of the order.
    """

    name = models.CharField(max_length=100)
    email = models.EmailField(unique=True)
    language = models.CharField(max_length=8, choices=settings.LANGUAGES, default="en")
    active = models.BooleanField(default=True)

    class Meta:
        ordering: ClassVar = ["name", "id"]

    def __str__(self) -> str:
        return self.name
