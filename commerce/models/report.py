"""The report of one day."""

from typing import ClassVar

from django.db import models

from commerce.models.report_numbers import Numbers


class DailyReport(models.Model):
    """The numbers of one closed day. The mails about it are rows of `Notification`."""

    day = models.DateField(unique=True, help_text="From midnight to midnight in the shop's time zone.")
    numbers = models.JSONField(help_text="As commerce/models/report_numbers.py describes them.")
    built_at = models.DateTimeField(help_text="When they were counted, by the database's clock.")

    class Meta:
        ordering: ClassVar = ["-day"]

    def __str__(self) -> str:
        return f"report of {self.day}"

    @property
    def figures(self) -> Numbers:
        """The numbers, typed."""
        return Numbers.from_json(self.numbers)
