"""A payment, from its start to its known outcome."""

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Coalesce, Now
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from billing.money import Money
from billing.states import END_STATES, OPEN_STATES, PAYMENT_ARROWS, Status, check_arrow
from config.due.queue import DueRow


class AskedBy(models.TextChoices):
    SCHEDULE = "schedule", pgettext_lazy("asked by", "schedule")
    CHECKOUT = "checkout", pgettext_lazy("asked by", "checkout")
    CALLBACK = "callback", pgettext_lazy("asked by", "callback")
    RETURN = "return", _("customer's return")
    OPERATOR = "operator", pgettext_lazy("asked by", "operator")
    CUSTOMER = "customer", _("customer, who canceled it")
    RECONCILIATION = "reconciliation", pgettext_lazy("asked by", "reconciliation")


class Attention(models.TextChoices):
    """Why an operator must act. The payment is still checked, rarely; attention is not the same as failed."""

    NONE = "", pgettext_lazy("attention", "none")
    ERRORS = "errors", _("too many checks in a row without a usable answer")
    REFUSED = "refused", _("the provider refuses to answer")
    MISMATCH = "mismatch", _("amount, currency or reference do not match ours")
    UNKNOWN_STATUS = "unknown_status", _("the provider uses an unknown status")
    WINDOW_OVER = "window_over", _("it should be canceled, but the provider keeps it open")
    WORKERS_LOST = "workers_lost", _("workers were lost while they checked it")
    KEY_FORGOTTEN = "key_forgotten", _("it was sent too long ago to repeat it safely")
    REFUNDS_DIFFER = "refunds_differ", _("the provider refunded another sum than we know of")
    BANK_SLOW = "bank_slow", _("the bank has worked on it for longer than such payments take")
    RETURNED = "returned", _("the customer's bank sent the money back")


class Advice(models.TextChoices):
    """What helps a customer whose payment was declined."""

    NONE = "", pgettext_lazy("advice", "none")
    AGAIN = "again", _("try again: the reason may pass")
    OTHER = "other", _("pay with another card, or in another way")
    BANK = "bank", _("ask the bank, or pay in another way")


def new_idempotency_key() -> str:
    """128 random bits as hex: valid for every provider."""
    return uuid.uuid4().hex


class Followed(DueRow):
    """A row that is followed at the provider until its outcome is known: a payment, or a refund."""

    OPEN: ClassVar[frozenset[Any]]
    """The states in which the outcome is not known."""

    ARROWS: ClassVar[Mapping[Any, frozenset[Any]]]

    provider_ref = models.CharField(
        max_length=200, blank=True, help_text=_("The provider's id; empty until it is known.")
    )
    idempotency_key = models.CharField(max_length=64, unique=True, default=new_idempotency_key, editable=False)
    amount_minor = models.BigIntegerField("amount in minor units")
    status = models.CharField(max_length=12)
    raw_status = models.CharField(max_length=200, blank=True, help_text=_("The provider's own status."))
    reason = models.CharField(max_length=200, blank=True, help_text=_("The provider's reason for it."))
    attention = models.CharField(max_length=16, choices=Attention.choices, default=Attention.NONE, blank=True)
    attention_note = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    next_check_at = models.DateTimeField(null=True, blank=True, help_text=_("The due column: the next check."))
    requested_for = models.DateTimeField(
        null=True, blank=True, editable=False, help_text=_("When a page or callback last caused a check.")
    )
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        abstract = True

    @property
    def is_open(self) -> bool:
        """Is the outcome still unknown?"""
        return self.status in self.OPEN

    def move(self, status: str) -> None:
        """Follow an arrow, in memory. Raises ForbiddenArrow if there is none."""
        check_arrow(self._meta.model_name or "", self.ARROWS, self.status, status)
        self.status = status


class Payment(Followed):
    """One attempt of a customer to pay: the amount, the account, and the outcome.

    `reference` is the shop's name for the paid thing (an order's public id); billing does not interpret it.
    `received_…` stays empty if exactly the amount came, or nothing.
    """

    OPEN, ARROWS = OPEN_STATES, PAYMENT_ARROWS

    account = models.CharField(max_length=32, help_text=_("Our contract with a provider: a name in PAYMENT_ACCOUNTS."))
    reference = models.CharField(max_length=64, db_index=True)
    currency = models.CharField(max_length=3)
    description = models.CharField(max_length=128)
    return_url = models.URLField(max_length=500)
    received_minor = models.BigIntegerField(
        "received in minor units",
        null=True,
        blank=True,
        help_text=_("The received sum, if an operator must decide, or decided, on it."),
    )
    received_currency = models.CharField(max_length=3, default="", db_default="", blank=True)
    refunds_minor = models.BigIntegerField(
        "refunds in minor units", default=0, db_default=0, editable=False, help_text=_("Refunded, or being refunded.")
    )
    lost_minor = models.BigIntegerField(
        "lost in minor units", default=0, db_default=0, editable=False, help_text=_("Taken back by lost disputes.")
    )
    pay_url = models.URLField(max_length=500, blank=True, help_text=_("Where the customer pays; from the provider."))

    status = models.CharField(max_length=12, choices=Status.choices, default=Status.CREATED)
    found_by = models.CharField(
        max_length=16,
        choices=AskedBy.choices,
        blank=True,
        help_text=_("What asked for the check that found the outcome."),
    )
    decided_by = models.CharField(
        max_length=150,
        default="",
        db_default="",
        blank=True,
        help_text=_("Who decided on money that did not match the amount."),
    )
    decided_why = models.CharField(max_length=200, default="", db_default="", blank=True)

    advice = models.CharField(
        max_length=8,
        choices=Advice.choices,
        default=Advice.NONE,
        db_default="",
        blank=True,
        help_text=_("What helps after a decline."),
    )
    declined_approval = models.CharField(
        max_length=64,
        default="",
        db_default="",
        blank=True,
        editable=False,
        help_text=_("The customer's approval whose capture was declined: it is not tried again."),
    )
    window_ends_at = models.DateTimeField(help_text=_("The customer may pay until then."))
    returned_at = models.DateTimeField(
        null=True,
        blank=True,
        help_text=_("When the customer came back from the provider; empty once the provider has answered since."),
    )
    working_since = models.DateTimeField(
        null=True, blank=True, help_text=_("The customer has paid, and the bank is working on it since then.")
    )
    cancel_asked_at = models.DateTimeField(
        null=True,
        blank=True,
        db_column="call_off_asked_at",  # a renamed column would stop the code of the release before
        help_text=_("When the customer canceled it; since then every check tries to cancel it at the provider."),
    )

    class Meta:
        ordering: ClassVar = ["-id"]
        permissions: ClassVar = [
            ("check_payment", "May ask the provider about a payment: moves no money by itself"),
            ("decide_payment", "May decide about the money of a payment: accept, close, confirm, note a difference"),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="payment_amount_is_positive"),
            models.CheckConstraint(
                condition=Q(refunds_minor__gte=0, refunds_minor__lte=Coalesce("received_minor", "amount_minor")),
                name="payment_not_refunded_twice",
            ),
            models.CheckConstraint(
                condition=Q(received_minor__isnull=True, received_currency="")
                | (Q(received_minor__gt=0) & ~Q(received_currency="")),
                name="payment_received_in_a_currency",
            ),
            models.CheckConstraint(
                condition=~Q(status="succeeded") | Q(received_minor__isnull=True) | Q(received_currency=F("currency")),
                name="payment_succeeds_in_its_currency",
            ),
            models.CheckConstraint(condition=Q(status__in=sorted(Status)), name="payment_status_is_known"),
            models.CheckConstraint(
                condition=Q(status__in=sorted(OPEN_STATES), next_check_at__isnull=False, ended_at__isnull=True)
                | Q(status__in=sorted(END_STATES), ended_at__isnull=False),  # due only on request
                name="payment_is_due_until_it_ends",
            ),
            models.UniqueConstraint(
                fields=["reference"], condition=Q(status__in=sorted(OPEN_STATES)), name="payment_one_open_per_reference"
            ),
            models.UniqueConstraint(
                fields=["account", "provider_ref"],
                condition=~Q(provider_ref=""),
                name="payment_provider_ref_is_unique",
            ),
        ]
        indexes: ClassVar = [
            # check_pending_payments, slow track: the longest wait first.
            models.Index(
                fields=["account", "next_check_at"], condition=Q(next_check_at__isnull=False), name="payment_due"
            ),
            # check_pending_payments, fast track: the youngest payments, without reading past a backlog of old ones.
            models.Index(
                fields=["account", "created_at"], condition=Q(next_check_at__isnull=False), name="payment_open_by_age"
            ),
            # The admin's list of payments that need an operator.
            models.Index(fields=["-id"], condition=~Q(attention=""), name="payment_needs_a_person"),
            # reconcile_payments: an account's payments of one day
            models.Index(fields=["account", "created_at"], name="payment_by_day"),
        ]

    def __str__(self) -> str:
        values = {"pk": self.pk, "amount": self.amount.localized(), "status": self.get_status_display()}
        return gettext("payment %(pk)s of %(amount)s (%(status)s)") % values

    @property
    def amount(self) -> Money:
        """The sum that the customer was asked to pay."""
        return Money(self.amount_minor, self.currency)

    @property
    def received(self) -> Money | None:
        """The sum that the provider took, as far as we know: the amount, another sum, or nothing (None)."""
        if self.received_minor is not None:
            return Money(self.received_minor, self.received_currency)
        return self.amount if self.status == Status.SUCCEEDED else None

    @property
    def left(self) -> Money | None:
        """The received sum without what refunds hold and lost disputes took; None if nothing was received."""
        received = self.received
        return (
            Money(max(0, received.minor - self.refunds_minor - self.lost_minor), received.currency)
            if received
            else None
        )

    def end(self, now: datetime, found_by: AskedBy) -> None:
        """Nothing is left to wait for, in memory: the state is an end."""
        self.ended_at, self.found_by, self.attention, self.attention_note = now, found_by, Attention.NONE, ""
        self.returned_at = self.working_since = None

    def is_to_be_canceled(self, now: datetime) -> bool:
        """Is the payment window over, or did the customer cancel? Not while the bank is working on it."""
        return self.working_since is None and (self.cancel_asked_at is not None or self.window_ends_at <= now)


class ProviderId(models.Model):
    """One more id that the provider has for a payment: of its intent, its charge, a capture or a refund."""

    account = models.CharField(max_length=32)
    ref = models.CharField(max_length=200)
    payment = models.ForeignKey(Payment, models.PROTECT, related_name="provider_ids")

    class Meta:
        ordering: ClassVar = ["id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["account", "ref"], name="provider_id_names_one_payment"),
        ]

    def __str__(self) -> str:
        return self.ref
