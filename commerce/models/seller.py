"""Sellers."""

from typing import ClassVar

from django.conf import settings
from django.db import models


class Seller(models.Model):
    """Owns products, and gets a mail about what to pack. Products of an inactive seller are not for sale.

    The address is unique, because there is one mail per order and recipient: with one address for two sellers, one of
    them would get no mail.
    """

    name = models.CharField(max_length=100)
    email = models.EmailField(unique=True)
    language = models.CharField(max_length=8, choices=settings.LANGUAGES, default="en")
    active = models.BooleanField(default=True)

    class Meta:
        ordering: ClassVar = ["name", "id"]

    def __str__(self) -> str:
        return self.name
