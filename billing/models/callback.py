"""The callbacks of providers."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from billing.models.payment import Payment
from config.due.queue import DueRow


class Callback(DueRow):
    """A provider's callback, stored before it is read. It is a reason to check the payment, never a fact."""

    class Outcome(models.TextChoices):
        WAITING = "waiting", pgettext_lazy("callback", "waiting")
        LOOKED = "looked", _("the payment was made due")
        UNKNOWN_PAYMENT = "unknown_payment", _("no such payment")
        MALFORMED = "malformed", _("it cannot be read")
        FORGED = "forged", _("it is not the provider's")
        GIVEN_UP = "given_up", _("workers were lost while they processed it")

    account = models.CharField(max_length=32)
    body = models.BinaryField(max_length=65_536)
    sender = models.GenericIPAddressField(null=True, blank=True, help_text=_("As reported by our own proxies."))
    digest = models.CharField(max_length=64, help_text=_("SHA-256 of the body: a repeat is the same callback."))
    repeats = models.PositiveIntegerField(default=0)
    is_proven = models.BooleanField(
        default=True, db_default=True, help_text=_("Its signature, or its network, is the provider's.")
    )
    event = models.CharField(max_length=200, blank=True)
    outcome = models.CharField(max_length=16, choices=Outcome.choices, default=Outcome.WAITING)
    payment = models.ForeignKey(Payment, models.PROTECT, null=True, blank=True, related_name="callbacks")
    received_at = models.DateTimeField(db_default=Now(), editable=False)
    replayed_at = models.DateTimeField(null=True, blank=True, help_text=_("When an operator had it processed again."))
    replayed_by = models.CharField(max_length=150, default="", db_default="", blank=True)
    process_after = models.DateTimeField(null=True, blank=True, help_text=_("The due column."))

    class Meta:
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["account", "digest"], name="callback_stored_once"),
            models.CheckConstraint(
                condition=Q(outcome="waiting", process_after__isnull=False)
                | (~Q(outcome="waiting") & Q(process_after__isnull=True)),
                name="callback_is_due_until_processed",
            ),
        ]
        indexes: ClassVar = [
            # process_payment_callback, the sweep that finds lost nudges
            models.Index(fields=["process_after"], condition=Q(process_after__isnull=False), name="callback_due"),
            # prune_history
            models.Index(fields=["received_at"], name="callback_by_age"),
            # The inbox: what strangers have left in the last day.
            models.Index(
                fields=["account", "received_at"],
                condition=Q(is_proven=False) & ~Q(outcome="looked"),
                name="callback_of_strangers",
            ),
            # prune_history
            models.Index(
                fields=["received_at", "id"],
                condition=~Q(body=b"") & ~Q(outcome="waiting"),
                name="callback_with_body",
            ),
        ]

    def __str__(self) -> str:
        values = {"pk": self.pk, "account": self.account, "event": self.event or self.get_outcome_display()}
        return gettext("callback %(pk)s for %(account)s: %(event)s") % values
