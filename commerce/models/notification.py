"""A mail that must go out."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Upper

from commerce.models.order import Order
from config.due.queue import DueRow


class Notification(DueRow):
    """One mail to one recipient about one occasion of an order, written in the transaction that gave the reason for it.

    Everything in it is frozen here, Message-ID and date included, so a mail that has to be sent again is the same mail.
    A crash between the mail server's "accepted" and our "sent" leaves it *uncertain*; what happens then depends on the
    kind.
    """

    class Kind(models.TextChoices):
        """What it says."""

        ORDER_CONFIRMATION = "order_confirmation", "order confirmation"
        SELLER_NOTIFICATION = "seller_notification", "seller notification"
        REVIEW_REMINDER = "review_reminder", "review reminder"
        MONEY_BACK = "money_back", "money back"
        STOP_PACKING = "stop_packing", "stop packing"

        @property
        def held_if_uncertain(self) -> bool:
            """Is it better not sent than sent twice?

            Who has paid, and who has to pack, must hear of it: a second copy costs a glance, silence costs a call. A
            second reminder only annoys.
            """
            return self == Notification.Kind.REVIEW_REMINDER

    class Status(models.TextChoices):
        """What became of it."""

        QUEUED = "queued", "queued"
        SENT = "sent", "sent"
        GIVEN_UP = "given_up", "given up"

    order = models.ForeignKey(Order, models.PROTECT, related_name="notifications")
    kind = models.CharField(max_length=32, choices=Kind.choices)
    occasion = models.CharField(
        max_length=32, default="", db_default="", blank=True, help_text="For kinds of which an order may have several."
    )
    recipient = models.EmailField()
    recipient_name = models.CharField(max_length=100, blank=True)
    subject = models.CharField(max_length=200)
    text = models.TextField()
    html = models.TextField(blank=True, help_text="The same for readers that show more than text.")
    message_id = models.CharField(max_length=100, unique=True)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.QUEUED)
    error = models.CharField(max_length=200, blank=True, help_text="What the mail server said last.")
    queued_at = models.DateTimeField(auto_now_add=True)
    send_after = models.DateTimeField(null=True, blank=True, help_text="The due column.")
    sending_since = models.DateTimeField(null=True, blank=True, editable=False)
    """Written before the mail server is spoken to, for kinds that are held if uncertain; cleared by the outcome. Found
    set by a claim, it means that the worker did not come back from there."""
    sent_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["order", "kind", "occasion", "recipient"], name="notification_once"),
            models.CheckConstraint(
                condition=Q(status="queued", send_after__isnull=False)
                | (~Q(status="queued") & Q(send_after__isnull=True)),
                name="notification_is_due_until_sent",
            ),
        ]
        indexes: ClassVar = [
            # send_pending_emails
            models.Index(fields=["send_after"], condition=Q(send_after__isnull=False), name="notification_due"),
            # The admin: those that were given up, and those of one recipient.
            models.Index(fields=["-id"], condition=Q(status="given_up"), name="notification_given_up"),
            models.Index(Upper("recipient"), name="notification_by_recipient"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} to {self.recipient} ({self.status})"
