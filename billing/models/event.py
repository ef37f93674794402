"""The events of payments: the outbox for the shop."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from billing.models.payment import AskedBy, Payment
from billing.models.refund import Refund
from billing.states import Status
from config.due.queue import DueRow


class PaymentEvent(DueRow):
    """One change of state of a payment, or of its refund: the history and the message to the shop in one row.

    Written in the transaction that made the change. The shop claims it by `settle_after` and reads the payment and its
    refunds *as they are then*; the event only says that something changed.
    """

    payment = models.ForeignKey(Payment, models.PROTECT, related_name="events")
    refund = models.ForeignKey(
        Refund,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="events",
        help_text=_("Empty for an event of the payment itself."),
    )
    source = models.CharField(max_length=12, choices=Status.choices)
    target = models.CharField(max_length=12, choices=Status.choices)
    raw_status = models.CharField(max_length=200, blank=True)
    found_by = models.CharField(max_length=16, choices=AskedBy.choices)
    at = models.DateTimeField(db_default=Now(), editable=False)
    settle_after = models.DateTimeField(
        null=True, blank=True, help_text=_("The due column: when the shop processes it.")
    )

    class Meta:
        ordering: ClassVar = ["id"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["payment", "target"], condition=Q(refund__isnull=True), name="event_each_state_once"
            ),
            models.UniqueConstraint(fields=["refund", "target"], name="event_each_refund_state_once"),
        ]
        indexes: ClassVar = [
            # the actor that PAYMENT_SETTLING_ACTOR names
            models.Index(fields=["settle_after"], condition=Q(settle_after__isnull=False), name="event_due"),
        ]

    def __str__(self) -> str:
        values = {
            "refund": self.refund_id,
            "payment": self.payment_id,
            "source": self.get_source_display(),
            "target": self.get_target_display(),
        }
        if self.refund_id:
            return gettext("refund %(refund)s of payment %(payment)s: %(source)s → %(target)s") % values
        return gettext("payment %(payment)s: %(source)s → %(target)s") % values
