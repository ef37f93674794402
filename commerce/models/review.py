"""Reviews of products, and their moderation.

    waiting ───▶ published ◀──▶ rejected
       ▲                           │
       └───────────────────────────┘
         the customer rewrote it

Only a published review is shown and counted. Only the customer of a delivered order can write one.
"""

from datetime import datetime
from typing import ClassVar

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from commerce.models.catalogue import Product
from commerce.models.order import Order

WORST, BEST = 1, 5


class Review(models.Model):
    """The review of one product of one order.

    `changed_at` identifies the text: a moderator's decision applies only to the text that was on the screen.
    """

    class Status(models.TextChoices):
        WAITING = "waiting", pgettext_lazy("review", "waiting")
        PUBLISHED = "published", pgettext_lazy("review", "published")
        REJECTED = "rejected", pgettext_lazy("review", "rejected")

    # The unique pair below is an index that begins with the order.
    order = models.ForeignKey(Order, models.CASCADE, related_name="reviews", db_index=False)
    product = models.ForeignKey(Product, models.PROTECT, related_name="reviews", db_index=False)
    rating = models.PositiveSmallIntegerField(validators=[MinValueValidator(WORST), MaxValueValidator(BEST)])
    text = models.TextField(blank=True)
    name = models.CharField(max_length=100, help_text=_("The name to show."))
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.WAITING)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    changed_at = models.DateTimeField(help_text=_("When the customer last wrote it."))
    moderated_at = models.DateTimeField(null=True, blank=True)
    moderated_by = models.CharField(max_length=150, blank=True, help_text=_("The user who decided."))

    class Meta:
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["order", "product"], name="review_once"),
            models.CheckConstraint(condition=Q(rating__range=(WORST, BEST)), name="review_rating_is_known"),
            models.CheckConstraint(
                condition=Q(status="waiting", moderated_at__isnull=True)
                | Q(status__in=["published", "rejected"], moderated_at__isnull=False),
                name="review_waits_until_moderated",
            ),
        ]
        indexes: ClassVar = [
            # A product's page: the average from the index alone, and the latest reviews in its order.
            models.Index(fields=["product", "status", "id", "rating"], name="review_of_product"),
        ]

    def __str__(self) -> str:
        return gettext("review %(pk)s (%(status)s)") % {"pk": self.pk, "status": self.get_status_display()}

    @property
    def is_published(self) -> bool:
        """True if it is shown; the customer can no longer change it."""
        return self.status == self.Status.PUBLISHED

    def write(self, rating: int, text: str, name: str, now: datetime) -> None:
        """Set the text, in memory. It waits for a moderator, even if an earlier text was decided on."""
        self.rating, self.text, self.name, self.changed_at = rating, text, name, now
        self.status, self.moderated_at, self.moderated_by = self.Status.WAITING, None, ""

    def moderate(self, status: Status, by: str, now: datetime) -> None:
        """Set the moderator's decision, in memory."""
        self.status, self.moderated_at, self.moderated_by = status, now, by
