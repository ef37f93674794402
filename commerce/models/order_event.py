"""What happened to an order and is written nowhere else."""

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now

from commerce.models.order import Order


class OrderEvent(models.Model):
    """One line of an order's history that no other row tells.

    When it was placed and ended stands in the order, what became of money in the payment's events, what was sent in the
    notifications. `commerce.timeline` puts all of it together.
    """

    class Kind(models.TextChoices):
        """What it was."""

        CANCEL_ASKED = "cancel_asked", "the customer wanted to cancel"
        CANCELED = "canceled", "it had been cancelled before the money came"
        EXPIRED = "expired", "it had expired before the money came"
        DELIVERED = "delivered", "marked delivered"
        ATTENTION = "attention", "a person must look"
        LOOKED_AT = "looked_at", "a person has looked"
        MONEY_NOT_TAKEN = "money_not_taken", "money came that was not waited for, and is given back"
        DECIDED = "decided", "somebody has decided about money"

    order = models.ForeignKey(Order, models.CASCADE, related_name="events")
    kind = models.CharField(max_length=16, choices=Kind.choices)
    by = models.CharField(max_length=150, blank=True, help_text="Who did it, if it was somebody of the shop.")
    note = models.CharField(max_length=200, blank=True)
    at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering: ClassVar = ["id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["order", "kind", "note"], name="order_event_once"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of order {self.order_id}"
