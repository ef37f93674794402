"""A refund, followed to its known outcome like a payment."""

from datetime import datetime, timedelta
from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from billing.models.payment import Followed, Payment
from billing.money import Money
from billing.states import END_REFUND_STATES, OPEN_REFUND_STATES, REFUND_ARROWS, RefundStatus


class Refund(Followed):
    """Returns all or a part of a payment. The database refuses more than was paid, by `payment.refunds_minor`."""

    OPEN, ARROWS = OPEN_REFUND_STATES, REFUND_ARROWS
    repeated = False
    """Was it found by the key of a form that was sent before? Not a column."""

    payment = models.ForeignKey(Payment, models.PROTECT, related_name="refunds")
    status = models.CharField(max_length=12, choices=RefundStatus.choices, default=RefundStatus.CREATED)
    wanted_by = models.CharField(max_length=150, help_text=_("The operator or the rule that requested it."))
    why = models.CharField(max_length=200)
    sent_at = models.DateTimeField(null=True, blank=True, help_text=_("Just before it was first sent to the provider."))

    class Meta:
        ordering: ClassVar = ["-id"]
        permissions: ClassVar = [
            ("check_refund", "May ask the provider about a refund: moves no money by itself"),
            ("decide_refund", "May decide about a refund: given up, carried out, returned money seen to"),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="refund_amount_is_positive"),
            models.CheckConstraint(
                condition=Q(status__in=sorted(OPEN_REFUND_STATES), next_check_at__isnull=False, ended_at__isnull=True)
                | Q(status__in=sorted(END_REFUND_STATES), ended_at__isnull=False),  # due only on request
                name="refund_is_due_until_it_ends",
            ),
        ]
        indexes: ClassVar = [
            # follow_refunds
            models.Index(fields=["next_check_at"], condition=Q(next_check_at__isnull=False), name="refund_due"),
            # The admin's list of refunds that need an operator.
            models.Index(fields=["-id"], condition=~Q(attention=""), name="refund_needs_a_person"),
        ]

    def __str__(self) -> str:
        values = {"pk": self.pk, "amount": self.amount.localized(), "status": self.get_status_display()}
        return gettext("refund %(pk)s of %(amount)s (%(status)s)") % values

    @property
    def amount(self) -> Money:
        """The refunded sum, in the received currency."""
        return Money(self.amount_minor, self.payment.received_currency or self.payment.currency)

    def is_past_repeating(self, now: datetime, key_kept: timedelta) -> bool:
        """Was it sent without an answer `key_kept` ago? The provider may have forgotten its key by now."""
        return not self.provider_ref and self.sent_at is not None and now - self.sent_at >= key_kept
