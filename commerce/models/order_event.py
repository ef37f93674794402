"""Events of an order that no other row records."""

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now

from commerce.models.order import Order


class OrderEvent(models.Model):
    """One line of an order's history.

    The order itself says when it was placed and ended, the payment's events what happened to the money, the
    notifications what was sent. `commerce.timeline` merges all of them.
    """

    class Kind(models.TextChoices):
        """The kind of event."""

        CANCEL_ASKED = "cancel_asked", "the customer wanted to cancel"
        CANCELED = "canceled", "cancelled before the payment came"
        EXPIRED = "expired", "expired before the payment came"
        DELIVERED = "delivered", "marked delivered"
        ATTENTION = "attention", "a person must look"
        LOOKED_AT = "looked_at", "a person has looked"
        MONEY_NOT_TAKEN = "money_not_taken", "a payment that is not accepted, and is refunded"
        DECIDED = "decided", "a person has decided about a late payment"

    order = models.ForeignKey(Order, models.CASCADE, related_name="events")
    kind = models.CharField(max_length=16, choices=Kind.choices)
    by = models.CharField(max_length=150, blank=True, help_text="The user, if staff did it.")
    note = models.CharField(max_length=200, blank=True)
    at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering: ClassVar = ["id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["order", "kind", "note"], name="order_event_once"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of order {self.order_id}"
