"""What an operator has told to rest."""

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now


class Pause(models.Model):
    """A queue that no worker takes messages from, or a schedule entry that is not fired. Gone: work goes on."""

    class Kind(models.TextChoices):
        """What rests."""

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
