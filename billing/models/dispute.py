"""A dispute: the customer demands the money back from the bank or the provider. A chargeback is one."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from billing.models.payment import Payment
from billing.money import Money
from billing.states import DisputeStatus


class Dispute(models.Model):
    """One dispute of a payment, as the provider last told it. Only the provider's answer changes it.

    `answered_by` is an operator who has dealt with it in the provider's own pages; it needs no person then, unless the
    provider asks for another answer (a new deadline).
    """

    payment = models.ForeignKey(Payment, models.PROTECT, related_name="disputes")
    account = models.CharField(max_length=32)
    provider_ref = models.CharField(max_length=200)
    status = models.CharField(max_length=8, choices=DisputeStatus.choices)
    raw_status = models.CharField(max_length=200)
    is_inquiry = models.BooleanField(
        default=False, help_text=_("A question only: no money was taken, a refund ends it.")
    )
    amount_minor = models.BigIntegerField("amount in minor units")
    fee_minor = models.BigIntegerField(
        "fee in minor units", default=0, help_text=_("What the provider charges for it.")
    )
    currency = models.CharField(max_length=3)
    reason = models.CharField(max_length=200, blank=True)
    evidence_due_at = models.DateTimeField(null=True, blank=True, help_text=_("The shop must have answered by then."))
    opened_at = models.DateTimeField(help_text=_("When it was opened, by the provider."))
    noticed_at = models.DateTimeField(db_default=Now(), editable=False)
    ended_at = models.DateTimeField(null=True, blank=True)
    answered_by = models.CharField(max_length=150, blank=True, help_text=_("Who has dealt with it at the provider."))
    answered_why = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering: ClassVar = ["-id"]
        permissions: ClassVar = [("decide_dispute", "May mark a dispute as answered")]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["account", "provider_ref"], name="dispute_noted_once"),
            models.CheckConstraint(condition=Q(status__in=sorted(DisputeStatus)), name="dispute_status_is_known"),
            models.CheckConstraint(
                condition=Q(status__in=["won", "lost"], ended_at__isnull=False)
                | Q(status__in=["open", "review"], ended_at__isnull=True),
                name="dispute_ends_when_decided",
            ),
        ]
        indexes: ClassVar = [
            # Open disputes: the nightly question, the attention list, the gauges.
            models.Index(
                fields=["account", "evidence_due_at"], condition=Q(ended_at__isnull=True), name="dispute_undecided"
            ),
        ]

    def __str__(self) -> str:
        values = {"pk": self.pk, "amount": self.amount.localized(), "status": self.get_status_display()}
        return gettext("dispute %(pk)s of %(amount)s (%(status)s)") % values

    @property
    def amount(self) -> Money:
        """The disputed sum."""
        return Money(self.amount_minor, self.currency)

    @property
    def fee(self) -> Money:
        """What the provider charges for the dispute."""
        return Money(self.fee_minor, self.currency)
