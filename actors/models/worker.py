"""Worker processes, as their heartbeats describe them."""

from typing import ClassVar

from django.db import models


class Worker(models.Model):
    """One worker process. Each heartbeat writes this row, every `heartbeat.BEAT_S` seconds."""

    name = models.CharField(max_length=96, unique=True, editable=False, help_text="Host, process id, random part.")
    host = models.CharField(max_length=64, editable=False)
    pid = models.PositiveIntegerField(editable=False)
    release = models.CharField(max_length=64, blank=True, editable=False, help_text="RELEASE of that process.")
    queues = models.JSONField(default=list, editable=False, help_text="The names of the queues it consumes.")
    threads = models.PositiveSmallIntegerField(editable=False)
    busy = models.JSONField(
        default=list, editable=False, help_text="What runs: a list of actor, message_id, args and since (ISO, UTC)."
    )
    fetched = models.PositiveIntegerField(default=0, editable=False, help_text="Messages in memory, not started yet.")
    delayed = models.PositiveIntegerField(default=0, editable=False, help_text="Retries in memory, not due yet.")
    done = models.PositiveBigIntegerField(default=0, editable=False, help_text="Successful runs since its start.")
    failed = models.PositiveBigIntegerField(default=0, editable=False, help_text="Failed runs since its start.")
    unrecorded = models.PositiveBigIntegerField(
        default=0, editable=False, help_text="Runs missing in the history since its start."
    )
    started_at = models.DateTimeField(editable=False)
    seen_at = models.DateTimeField(editable=False, help_text="Its last heartbeat.")
    stopped_at = models.DateTimeField(null=True, editable=False, help_text="Empty if it runs or did not stop properly.")

    class Meta:
        indexes: ClassVar = [models.Index(fields=["seen_at"], name="worker_seen")]

    def __str__(self) -> str:
        return self.name
