"""The tick ledger."""

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now


class Tick(models.Model):
    """One due time of one schedule entry. The unique key lets several schedulers run and each tick fire once."""

    schedule = models.CharField(max_length=64)
    due_at = models.DateTimeField()
    fired_at = models.DateTimeField(db_default=Now(), editable=False)
    fired_by = models.CharField(max_length=32, editable=False, help_text="The scheduler that fired it.")
    paused = models.BooleanField(
        db_default=False, default=False, editable=False, help_text="The entry was paused: no nudge was sent."
    )

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["schedule", "due_at"], name="tick_fires_once"),
        ]

    def __str__(self) -> str:
        return f"{self.schedule} at {self.due_at:%Y-%m-%d %H:%M:%S}"
