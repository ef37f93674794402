"""The queue of mails: one row per mail."""

import re
from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Upper
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop, pgettext_lazy

from commerce.models.order import Order
from commerce.models.report_numbers import DailyReport
from config.due.queue import DueRow
from config.formats.sentences import stored

_REASON = re.compile(r"\D*\b\d{3}\b(?: \d\.\d{1,3}\.\d{1,3}(?!\S))?")

UNCERTAIN_PREFIX = "it may have been sent"
"""The error of an uncertain mail begins with this: it was given up, and it may have arrived."""


stored(gettext_noop("it may have been sent: %(why)s"))


class Notification(DueRow):
    """One mail to one recipient, about one occasion of an order, one day's report, or an account.

    It is written in the transaction of its reason. Its content is frozen then, Message-ID and date included, so a mail
    that is sent again is the same mail. A crash between the mail server's "accepted" and our "sent" leaves it
    *uncertain*; the kind decides what happens then.
    """

    class Kind(models.TextChoices):
        ORDER_CONFIRMATION = "order_confirmation", _("order confirmation")
        SELLER_NOTIFICATION = "seller_notification", _("seller notification")
        REVIEW_REMINDER = "review_reminder", _("review reminder")
        MONEY_BACK = "money_back", _("money back")
        STOP_PACKING = "stop_packing", _("stop packing")
        REPORT = "report", pgettext_lazy("mail", "report")
        PAYMENT_LINK = "payment_link", _("payment link")
        ACCOUNT_LINK = "account_link", _("account link")

        @property
        def held_if_uncertain(self) -> bool:
            """True if not sending is better than sending twice.

            A person who has paid, may still pay, or must pack needs the mail: a second copy costs a glance, silence
            costs a call.
            A second reminder only annoys, and two mails about a day look like two sets of numbers.
            """
            return self in (Notification.Kind.REVIEW_REMINDER, Notification.Kind.REPORT)

    class Status(models.TextChoices):
        QUEUED = "queued", pgettext_lazy("mail", "queued")
        SENT = "sent", pgettext_lazy("mail", "sent")
        GIVEN_UP = "given_up", pgettext_lazy("mail", "given up")

    order = models.ForeignKey(Order, models.PROTECT, related_name="notifications", null=True, blank=True)
    report = models.ForeignKey(
        DailyReport, models.PROTECT, related_name="notifications", null=True, blank=True, db_index=False
    )
    """Has no index of its own: `notification_once_per_report` begins with this column."""
    kind = models.CharField(max_length=32, choices=Kind.choices)
    occasion = models.CharField(
        max_length=32,
        default="",
        db_default="",
        blank=True,
        help_text=_("For kinds that an order may have several of."),
    )
    recipient = models.EmailField()
    recipient_name = models.CharField(max_length=100, blank=True)
    subject = models.CharField(max_length=200)
    text = models.TextField()
    html = models.TextField(blank=True, help_text=_("The same text as HTML."))
    attachment = models.TextField(default="", db_default="", blank=True, help_text=_("A report's numbers as CSV."))
    message_id = models.CharField(max_length=100, unique=True)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.QUEUED)
    error = models.CharField(max_length=200, blank=True, help_text=_("The last error."))
    queued_at = models.DateTimeField(auto_now_add=True)
    send_after = models.DateTimeField(null=True, blank=True, help_text=_("The due column."))
    sending_since = models.DateTimeField(null=True, blank=True, editable=False)
    """For kinds that are held if uncertain: written before the mail is handed to the server, cleared by the outcome. If
    a claim finds it set, the last worker died while sending."""
    sent_at = models.DateTimeField(null=True, blank=True)
    given_up_at = models.DateTimeField(null=True, blank=True, editable=False)
    refused_since = models.DateTimeField(
        null=True,
        blank=True,
        help_text=_("Since when the server refuses it for good, though perhaps not because of it."),
    )
    """Cleared when it is sent, and when an operator sends it again."""

    class Meta:
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["order", "kind", "occasion", "recipient"], name="notification_once"),
            models.UniqueConstraint(
                fields=["report", "recipient"], condition=Q(report__isnull=False), name="notification_once_per_report"
            ),
            models.CheckConstraint(
                condition=Q(kind="report", report__isnull=False, order__isnull=True)
                | Q(kind="account_link", report__isnull=True, order__isnull=True)
                | (~Q(kind__in=("report", "account_link")) & Q(report__isnull=True, order__isnull=False)),
                name="notification_is_about_something",
            ),
            models.CheckConstraint(
                condition=Q(status="queued", send_after__isnull=False)
                | (~Q(status="queued") & Q(send_after__isnull=True)),
                name="notification_is_due_until_sent",
            ),
        ]
        indexes: ClassVar = [
            # send_pending_emails
            models.Index(fields=["send_after"], condition=Q(send_after__isnull=False), name="notification_due"),
            # EMAIL_MAX_PER_MINUTE and EMAIL_MAX_PER_DAY
            models.Index(fields=["sent_at"], condition=Q(sent_at__isnull=False), name="notification_sent"),
            # The admin: mails that were given up, and mails of one recipient.
            models.Index(fields=["-id"], condition=Q(status="given_up"), name="notification_given_up"),
            models.Index(Upper("recipient"), name="notification_by_recipient"),
            # erase_old_data
            models.Index(
                fields=["queued_at", "id"],
                condition=~Q(text="") & ~Q(status="queued") & Q(report__isnull=True),
                name="notification_not_erased",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.title} → {self.recipient} ({self.get_status_display()})"

    @property
    def title(self) -> str:
        """The kind, or the day of the report."""
        return str(self.report) if self.report else self.get_kind_display()

    @property
    def reason(self) -> str:
        """The error up to the server's codes; all of it without a code. Its words may differ from mail to mail."""
        codes = _REASON.match(self.error)
        return codes[0] if codes else self.error

    @property
    def is_uncertain(self) -> bool:
        """True if it may have arrived. Sent again, it may arrive twice."""
        return self.error.startswith(UNCERTAIN_PREFIX)


def without_texts(mails: "models.QuerySet[Notification]") -> "models.QuerySet[Notification]":
    """For lists: with the report of each mail, without the large text columns."""
    return mails.select_related("report").defer("text", "html", "attachment", "report__numbers")
