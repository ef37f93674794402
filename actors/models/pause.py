"""Queues and schedule entries that an operator has paused."""

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now


class Pause(models.Model):
    """A queue that workers do not read, or a schedule entry that is not fired. Deleting the row resumes it."""

    class Kind(models.TextChoices):
        """The kind of thing that is paused."""

        QUEUE = "queue"
        SCHEDULE = "schedule"

    kind = models.CharField(max_length=16, choices=Kind)
    name = models.CharField(max_length=64)
    paused_at = models.DateTimeField(db_default=Now(), editable=False)
    paused_by = models.CharField(max_length=150)
    why = models.CharField(max_length=200)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["kind", "name"], name="paused_once")]

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"
