"""The tick ledger: who fires which tick, and how long that is remembered."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from django.db.models.functions import Now

from actors.models import Tick
from actors.operations import pauses
from actors.scheduling.table import table

KEPT_FREQUENT = timedelta(hours=1)
"""Two ticks a second fill a table; an hour of them is enough to see how the scheduler does."""

KEPT_SELDOM = timedelta(days=90)


def take(due: Mapping[str, datetime], scheduler: str) -> list[str]:
    """Enter due ticks (schedule → due time) into the ledger; returns the schedules that this one may fire: those in
    which it was first, and which are not paused. A tick of a paused entry is used up by that.
    """
    resting = pauses.paused(pauses.SCHEDULE)
    ticks = [
        Tick(schedule=schedule, due_at=due_at, fired_by=scheduler, paused=schedule in resting)
        for schedule, due_at in due.items()
    ]
    Tick.objects.bulk_create(ticks, ignore_conflicts=True)
    mine = Tick.objects.filter(fired_by=scheduler, schedule__in=due, due_at__gte=min(due.values()), paused=False)
    return [schedule for schedule, due_at in mine.values_list("schedule", "due_at") if due[schedule] == due_at]


def prune() -> int:
    """Delete ticks older than their retention time; never one that could still be caught up. Returns how many."""
    deleted = 0
    for entry in table():
        kept = KEPT_FREQUENT if entry.catch_up < KEPT_FREQUENT else KEPT_SELDOM
        deleted += Tick.objects.filter(schedule=entry.actor, due_at__lt=Now() - kept).delete()[0]
    return deleted


def newest() -> int:
    """The number of the last tick that any scheduler has fired; 0 if there was none."""
    return Tick.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
