"""A refund, followed to its known outcome like a payment."""

from datetime import datetime, timedelta
from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from billing.models.payment import Attention, Payment, new_idempotency_key
from billing.money import Money
from billing.states import END_REFUND_STATES, OPEN_REFUND_STATES, RefundStatus, check_refund_arrow
from config.due.queue import DueRow


class Refund(DueRow):
    """Returns all or a part of a payment to the customer.

    `payment.refunds_minor` counts what its refunds hold, so the database itself refuses more than was paid.
    """

    payment = models.ForeignKey(Payment, models.PROTECT, related_name="refunds")
    provider_ref = models.CharField(max_length=200, blank=True, help_text="The provider's id; empty until it is known.")
    idempotency_key = models.CharField(max_length=64, unique=True, default=new_idempotency_key, editable=False)
    amount_minor = models.BigIntegerField("amount in minor units")
    status = models.CharField(max_length=12, choices=RefundStatus.choices, default=RefundStatus.CREATED)
    raw_status = models.CharField(max_length=200, blank=True, help_text="The provider's own status.")
    reason = models.CharField(max_length=200, blank=True, help_text="The provider's reason for it.")
    attention = models.CharField(max_length=16, choices=Attention.choices, default=Attention.NONE, blank=True)
    attention_note = models.CharField(max_length=200, blank=True)
    wanted_by = models.CharField(max_length=150, help_text="The operator or the rule that requested it.")
    why = models.CharField(max_length=200)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    sent_at = models.DateTimeField(null=True, blank=True, help_text="Just before it was first sent to the provider.")
    next_check_at = models.DateTimeField(null=True, blank=True, help_text="The due column: the next check.")
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="refund_amount_is_positive"),
            models.CheckConstraint(
                condition=Q(status__in=sorted(OPEN_REFUND_STATES), next_check_at__isnull=False, ended_at__isnull=True)
                | Q(status__in=sorted(END_REFUND_STATES), next_check_at__isnull=True, ended_at__isnull=False),
                name="refund_is_due_until_its_end",
            ),
        ]
        indexes: ClassVar = [
            # follow_refunds
            models.Index(fields=["next_check_at"], condition=Q(next_check_at__isnull=False), name="refund_due"),
            # The admin's list of refunds that need an operator.
            models.Index(fields=["-id"], condition=~Q(attention=""), name="refund_needs_a_person"),
        ]

    def __str__(self) -> str:
        return f"refund {self.pk} of {self.amount} ({self.status})"

    @property
    def amount(self) -> Money:
        """The refunded sum, in the received currency."""
        return Money(self.amount_minor, self.payment.received_currency or self.payment.currency)

    @property
    def is_open(self) -> bool:
        """Is the outcome still unknown?"""
        return self.status in OPEN_REFUND_STATES

    def is_past_repeating(self, now: datetime, key_kept: timedelta) -> bool:
        """Was it sent without an answer `key_kept` ago? The provider may have forgotten its key by now."""
        if self.provider_ref or self.sent_at is None:
            return False
        return now - self.sent_at >= key_kept

    def move(self, status: RefundStatus) -> None:
        """Follow an arrow, in memory. Raises ForbiddenArrow if there is none."""
        check_refund_arrow(RefundStatus(self.status), status)
        self.status = status
