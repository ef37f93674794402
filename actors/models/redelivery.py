"""Redelivered messages, whose worker may have died."""

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now


class Redelivery(models.Model):
    """One start of a message that the broker had delivered before. The end of that run deletes it.

    The rows that stay are starts without an end; `actors/runtime/quarantine.py` decides which of them are deaths.
    """

    message_id = models.CharField(max_length=64, editable=False)
    worker = models.CharField(max_length=96, editable=False, help_text="The name of the worker that started it.")
    started_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["message_id"], name="redelivery_of_message"),
            models.Index(fields=["started_at"], name="redelivery_oldest"),  # prune_history
        ]

    def __str__(self) -> str:
        return f"{self.message_id} on {self.worker}"
