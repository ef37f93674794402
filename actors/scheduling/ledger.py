"""The tick ledger: which scheduler fires which tick, and how long ticks are kept."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from django.db.models import QuerySet
from django.db.models.functions import Now

from actors import pauses
from actors.models import Tick
from actors.scheduling.table import table
from config.metrics.registry import counter

TICKS_FIRED_TOTAL = counter(
    "tillkeeper_ticks_fired_total", "Ticks that this scheduler was the first to fire.", "schedule"
)

FUTURE_TICKS_TOTAL = counter(
    "tillkeeper_future_ticks_total", "Ticks of the future that were deleted: the database's clock was set back."
)

CLOCK_TOLERANCE = timedelta(seconds=5)
"""Ticks are fired when they are due, so none lies in the future; NTP slews a clock by less than this."""

FREQUENT_RETENTION = timedelta(hours=1)
"""Two ticks a second fill a table; the last hour is enough to judge the scheduler."""

RARE_RETENTION = timedelta(days=90)


def take(due: Mapping[str, datetime], scheduler: str) -> list[str]:
    """Enter due ticks (schedule → due time) into the ledger. Returns the schedules that this scheduler may fire: it
    entered them first, and they are not paused. A tick of a paused entry counts as used."""
    paused = pauses.paused(pauses.SCHEDULE)
    ticks = [
        Tick(schedule=schedule, due_at=due_at, fired_by=scheduler, paused=schedule in paused)
        for schedule, due_at in due.items()
    ]
    Tick.objects.bulk_create(ticks, ignore_conflicts=True)
    ours = Tick.objects.filter(fired_by=scheduler, schedule__in=due, due_at__gte=min(due.values()), paused=False)
    return [schedule for schedule, due_at in ours.values_list("schedule", "due_at") if due[schedule] == due_at]


def delete_future(now: datetime) -> int:
    """Delete ticks of the future: they would stop the schedule until the clock, which was set back, has caught up.

    Entries whose time comes again are fired again. That is safe: all scheduled work is safe to repeat.
    """
    deleted, _of_models = ticks_ahead(now).delete()
    FUTURE_TICKS_TOTAL.inc(deleted)
    return deleted


def ticks_ahead(now: datetime) -> QuerySet[Tick]:
    """The ticks of all entries that lie in the future by more than CLOCK_TOLERANCE."""
    return Tick.objects.filter(schedule__in=[entry.actor for entry in table()], due_at__gt=now + CLOCK_TOLERANCE)


def prune() -> int:
    """Delete ticks older than their retention time, but none that could still be caught up. Returns how many."""
    deleted = 0
    for entry in table():
        kept = FREQUENT_RETENTION if entry.catch_up < FREQUENT_RETENTION else RARE_RETENTION
        deleted += Tick.objects.filter(schedule=entry.actor, due_at__lt=Now() - kept).delete()[0]
    return deleted


def newest() -> int:
    """The id of the last tick that any scheduler has fired; 0 if there is none."""
    return Tick.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
