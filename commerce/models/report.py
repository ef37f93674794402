"""What happened on one day, counted once."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from commerce.reports.numbers import Numbers
from config.due.queue import DueRow


class DailyReport(DueRow):
    """The numbers of one closed day, and the mail about it to the managers.

    The mail goes out once at the most. A claim is committed before the first byte is sent, so a row that was left over
    by a dead worker is one whose mail may have arrived: it is *uncertain*, and it is held, not repeated.
    """

    class MailState(models.TextChoices):
        """What became of the mail."""

        NONE = "none", "none"  # nobody was to get one, or the day was long past when it was counted
        QUEUED = "queued", "queued"
        SENT = "sent", "sent"
        UNCERTAIN = "uncertain", "uncertain"  # it may have arrived; a person may ask the managers
        GIVEN_UP = "given_up", "given up"

    day = models.DateField(unique=True, help_text="From midnight to midnight in the shop's time zone.")
    numbers = models.JSONField(help_text="As commerce/reports/numbers.py describes them.")
    built_at = models.DateTimeField(help_text="The database's time at which they were counted.")
    mail_state = models.CharField(max_length=10, choices=MailState.choices, default=MailState.NONE)
    mail_after = models.DateTimeField(null=True, blank=True, help_text="The due column: when to send the mail.")
    mail_error = models.CharField(max_length=200, blank=True, help_text="What the mail server said last.")
    mailed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["-day"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(mail_state="queued", mail_after__isnull=False)
                | (~Q(mail_state="queued") & Q(mail_after__isnull=True)),
                name="report_mail_is_due_until_its_end",
            ),
        ]
        indexes: ClassVar = [
            # send_daily_reports
            models.Index(fields=["mail_after"], condition=Q(mail_after__isnull=False), name="report_mail_due"),
        ]

    def __str__(self) -> str:
        return f"report of {self.day}"

    @property
    def figures(self) -> Numbers:
        """The numbers, typed."""
        return Numbers.from_json(self.numbers)
