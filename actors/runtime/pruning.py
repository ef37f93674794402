"""Deletes old jobs, workers and redeliveries."""

import time
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Model

from actors.models import Job, Redelivery, Worker
from config.due import shutting_down
from config.due.queue import database_now

BATCH = 2_000

OLDEST_MESSAGE = timedelta(days=8)
"""A redelivered message may wait in a paused queue, and a dead letter is kept for seven days."""


def prune_jobs(seconds: float) -> bool:
    """Delete jobs and workers older than JOB_HISTORY_DAYS. Returns True if there may be more."""
    ends_at, now = time.monotonic() + seconds, database_now()
    old = now - timedelta(days=settings.JOB_HISTORY_DAYS)
    Worker.objects.filter(seen_at__lt=old).delete()
    Redelivery.objects.filter(started_at__lt=now - OLDEST_MESSAGE).delete()
    full = True
    while full and time.monotonic() < ends_at and not shutting_down.is_set():
        full = _prune_batch(Job, "ended_at", old) == BATCH
    return full


def _prune_batch(model: type[Model], column: str, old: datetime) -> int:
    batch = model._default_manager.filter(**{f"{column}__lt": old}).order_by(column).values_list("pk", flat=True)
    return model._default_manager.filter(pk__in=list(batch[:BATCH])).delete()[0]
