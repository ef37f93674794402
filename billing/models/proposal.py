"""A decision about money that waits for a second person (`billing.four_eyes`)."""

from datetime import timedelta
from typing import Any, ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from billing.money import Money


class Proposal(models.Model):
    """What one person wants to do, with the answers of the form; another one approves or declines it."""

    class State(models.TextChoices):
        WAITING = "waiting", _("waits for a second person")
        APPROVED = "approved", pgettext_lazy("proposal", "approved")
        DECLINED = "declined", pgettext_lazy("proposal", "declined")
        EXPIRED = "expired", pgettext_lazy("proposal", "expired")

    LASTS = timedelta(days=7)
    """How long it may be approved: it covers a holiday, and later the facts were looked at too long ago."""

    about = models.CharField(max_length=100, editable=False)
    """The model of its subject, like `billing.payment`."""
    subject = models.BigIntegerField(editable=False)
    action = models.CharField(max_length=50, editable=False)
    answers = models.JSONField(editable=False)
    key = models.CharField(max_length=32, null=True, blank=True, editable=False)
    """That of the form: a second click is the same proposal."""
    amount_minor = models.BigIntegerField("amount in minor units")
    currency = models.CharField(max_length=3)
    asked_by = models.CharField(max_length=150)
    asked_by_user = models.BigIntegerField(null=True, blank=True, editable=False)
    """The primary key of the user, whose name may change; none at the command line."""
    why = models.CharField(max_length=200, blank=True)
    asked_at = models.DateTimeField(db_default=Now(), editable=False)
    state = models.CharField(max_length=8, choices=State, default=State.WAITING)
    decided_by = models.CharField(max_length=150, blank=True)
    decided_why = models.CharField(max_length=200, blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["key"], name="proposal_once_per_form"),
            models.UniqueConstraint(
                fields=["about", "subject"], condition=Q(state="waiting"), name="proposal_one_waits_per_subject"
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["approved", "declined"]) | (~Q(decided_by="") & Q(decided_at__isnull=False)),
                name="proposal_decided_by_somebody",
            ),
        ]
        indexes: ClassVar = [
            # The attention list, the gauges, prune_history.
            models.Index(fields=["-id"], condition=Q(state="waiting"), name="proposal_needs_a_person"),
        ]

    def __str__(self) -> str:
        values = {"pk": self.pk, "amount": self.amount.localized(), "by": self.asked_by}
        return gettext("proposal %(pk)s about %(amount)s, by %(by)s") % values

    @property
    def amount(self) -> Money:
        """The money at stake."""
        return Money(self.amount_minor, self.currency)

    @property
    def stored_answers(self) -> dict[str, Any]:
        """The arguments of the action's `do`."""
        return {
            name: Money.parse(value["value"], value["currency"]) if isinstance(value, dict) else value
            for name, value in self.answers.items()
        }
