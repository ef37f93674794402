"""The state of an account at a provider, shared by all processes."""

from datetime import datetime
from typing import ClassVar

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _


class Breaker(models.TextChoices):
    """The circuit breaker: calls pass while it is closed."""

    CLOSED = "closed", _("closed: calls pass")
    OPEN = "open", _("open: only a probe passes, now and then")
    HELD = "held", _("held open by hand: nothing passes")


class AccountState(models.Model):
    """One account's breaker, pause and next free slot. A probe moves `next_probe_at` ahead, as a claim would."""

    account = models.CharField(max_length=32, primary_key=True)
    breaker = models.CharField(max_length=8, choices=Breaker.choices, default=Breaker.CLOSED)
    since = models.DateTimeField(db_default=Now(), help_text=_("When the breaker was last opened or closed."))
    errors = models.PositiveIntegerField(
        "consecutive errors", default=0, help_text=_("Calls in a row that got no answer, for any payment.")
    )
    last_error = models.CharField(max_length=200, blank=True)
    last_error_at = models.DateTimeField(null=True, blank=True)
    next_probe_at = models.DateTimeField(null=True, blank=True, help_text=_("While it is open: when to try one call."))
    paused_until = models.DateTimeField(
        null=True, blank=True, help_text=_("The provider asked for a pause until then.")
    )
    next_slot_at = models.DateTimeField(
        db_default=Now(), help_text=_("The rate limit: all slots before this time are taken.")
    )
    creations_refused = models.PositiveIntegerField(
        default=0, db_default=0, help_text=_("Payments in a row that the provider refused to create.")
    )
    refused_since = models.DateTimeField(null=True, blank=True)
    last_refusal = models.CharField(
        max_length=200, default="", db_default="", blank=True, help_text=_("The provider's code and parameter.")
    )
    changed_by = models.CharField(max_length=150, blank=True, help_text=_("Who last opened or closed it by hand."))
    why = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering: ClassVar = ["account"]
        verbose_name = "account"

    def __str__(self) -> str:
        values = {"account": self.account, "breaker": self.get_breaker_display()}
        return gettext("account %(account)s (%(breaker)s)") % values

    @property
    def is_calm(self) -> bool:
        """Was the last call answered, with the breaker closed?"""
        return self.breaker == Breaker.CLOSED and self.errors == 0

    def is_paused(self, now: datetime) -> bool:
        """Did the provider ask for a pause that has not ended?"""
        return self.paused_until is not None and self.paused_until > now
