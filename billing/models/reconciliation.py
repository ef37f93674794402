"""Reconciliations: the comparison of our payments with a provider's list."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext, pgettext
from django.utils.translation import gettext_lazy as _

from billing.models.payment import Payment
from billing.states import Status
from config.due.queue import DueRow
from config.formats.sentences import shown


class Reconciliation(DueRow):
    """One day (in UTC) of one account, compared in both directions, repeated until it is settled."""

    account = models.CharField(max_length=32)
    day = models.DateField(help_text=_("In UTC."))
    reconcile_after = models.DateTimeField(null=True, blank=True, help_text=_("The due column."))
    compared_at = models.DateTimeField(null=True, blank=True, help_text=_("When a comparison was last finished."))
    listed = models.BooleanField(
        default=True, help_text=_("No: the provider has no list, so each of our payments was read.")
    )
    there = models.PositiveIntegerField("payments there", default=0)
    here = models.PositiveIntegerField("payments here", default=0)
    foreign = models.PositiveIntegerField(
        "payments of others", default=0, help_text=_("With money; only in an account that others use too.")
    )
    unreadable = models.PositiveIntegerField(
        "unreadable rows", default=0, db_default=0, help_text=_("Rows of the provider's list that cannot be read.")
    )
    error = models.CharField(max_length=200, blank=True, help_text=_("Why the comparison was not finished."))

    class Meta:
        ordering: ClassVar = ["-day", "account"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["account", "day"], name="reconciliation_once_a_day"),
            models.CheckConstraint(
                condition=Q(compared_at__isnull=False) | Q(reconcile_after__isnull=False),
                name="reconciliation_is_due_until_compared",
            ),
        ]
        indexes: ClassVar = [
            # reconcile_payments
            models.Index(
                fields=["reconcile_after"], condition=Q(reconcile_after__isnull=False), name="reconciliation_due"
            ),
        ]

    def __str__(self) -> str:
        return gettext("%(account)s on %(day)s") % {"account": self.account, "day": self.day}


class Difference(models.Model):
    """One value of a payment that differs between the provider and us."""

    class Kind(models.TextChoices):
        UNKNOWN = "unknown", _("there and not here, with money")
        MISSING = "missing", _("here and not there")
        STATUS = "status", _("the states differ")
        AMOUNT = "amount", _("amount or currency differ")
        REFERENCE = "reference", _("the references differ")
        REFUNDS = "refunds", _("the refunded sums differ")

    class State(models.TextChoices):
        OPEN = "open", _("to be checked again")
        MENDED = "mended", _("they agree now")
        PARKED = "parked", _("an operator must decide")
        RESOLVED = "resolved", _("an operator has decided")

    reconciliation = models.ForeignKey(Reconciliation, models.PROTECT, related_name="differences")
    account = models.CharField(max_length=32)
    kind = models.CharField(max_length=10, choices=Kind.choices)
    payment = models.ForeignKey(Payment, models.PROTECT, null=True, blank=True, related_name="differences")
    provider_ref = models.CharField(max_length=200)
    reference = models.CharField(
        max_length=200, blank=True, help_text=_("The provider's value, if it has the payment.")
    )
    ours = models.CharField("what we have", max_length=200, blank=True)
    theirs = models.CharField("what they have", max_length=200, blank=True)
    state = models.CharField(max_length=10, choices=State.choices, default=State.OPEN)
    found_at = models.DateTimeField(db_default=Now(), editable=False)
    last_found_at = models.DateTimeField(help_text=_("When they were last found to differ."))
    decided_by = models.CharField(max_length=150, blank=True)
    why = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering: ClassVar = ["-id"]
        permissions: ClassVar = [("resolve_difference", "May resolve a difference with a provider's books")]
        constraints: ClassVar = [
            # Not per day: a payment made here before midnight and there after it is found on two days.
            models.UniqueConstraint(fields=["account", "kind", "provider_ref"], name="difference_noted_once"),
            models.CheckConstraint(
                condition=~Q(state="resolved") | (~Q(decided_by="") & ~Q(why="")),
                name="difference_resolved_by_somebody",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["state"], condition=Q(state__in=["open", "parked"]), name="difference_that_stands"),
        ]

    def __str__(self) -> str:
        return f"{self.provider_ref}: {self.get_kind_display()}"

    @property
    def sides(self) -> str:
        """Both values, for a person."""
        nothing = pgettext("side", "nothing")
        values = {"ours": in_words(self.ours) or nothing, "theirs": in_words(self.theirs) or nothing}
        return gettext("we have %(ours)s, they have %(theirs)s") % values


def in_words(side: str) -> str:
    """One side of a difference, with its state and amount in the reader's language."""
    state, comma, rest = side.partition(", ")
    return f"{dict(Status.choices).get(state) or shown(state)}{comma}{shown(rest)}"


STANDING = (Difference.State.OPEN, Difference.State.PARKED)
"""States of differences that are not settled."""
