"""The schedule: when each entry is due, whether it was fired, and how late."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils.translation import gettext as _

from actors.console.facts.queues import Rest, resting
from actors.console.facts.work import LATE_S
from actors.models import Tick
from actors.operations import pauses
from actors.scheduling.periods import Cron, Every
from actors.scheduling.table import Entry, table
from config.due.queue import database_now

TICKS = 30
"""So many of its last ticks tell how late an entry is."""


@dataclass(frozen=True)
class Scheduled:
    """One entry of the table."""

    actor: str
    period: str
    next_at: datetime
    last_at: datetime | None
    """Which tick was fired last: its due time."""

    late_s: float | None
    """How long after it."""

    lateness_s: list[float]
    """Of the last TICKS, the oldest first."""

    missed_at: datetime | None
    """The first tick that is more than LATE_S overdue and was not fired; None while the entry is paused."""

    pause: Rest | None


@dataclass(frozen=True)
class Schedule:
    """The table; what is due next comes first."""

    entries: list[Scheduled]


def schedule() -> Schedule:
    """Every entry."""
    now, rests = database_now(), resting(pauses.SCHEDULE)
    found = [_scheduled(entry, now, rests.get(entry.actor)) for entry in table()]
    return Schedule(sorted(found, key=lambda one: one.next_at))


def told(period: Every | Cron) -> str:
    """In words, where it is a simple one; all times are UTC.

    >>> told(Cron("0 3 * * *")), told(Cron("17 * * * *")), told(Cron("0 3 1 * *"))
    ('daily at 03:00 UTC', 'hourly at :17', '0 3 1 * *')
    """
    if isinstance(period, Every):
        return _("every %(seconds)s s") % {"seconds": period.seconds}
    minute, hour, *rest = period.spec.split()
    if rest == ["*", "*", "*"] and minute.isdecimal() and hour.isdecimal():
        return _("daily at %(time)s UTC") % {"time": f"{int(hour):02}:{int(minute):02}"}
    if rest == ["*", "*", "*"] and minute.isdecimal() and hour == "*":
        return _("hourly at :%(minute)s") % {"minute": f"{int(minute):02}"}
    return period.spec


def _scheduled(entry: Entry, now: datetime, pause: Rest | None) -> Scheduled:
    ticks = list(Tick.objects.filter(schedule=entry.actor, paused=False).order_by("-due_at")[:TICKS])
    lateness = [max(0.0, (tick.fired_at - tick.due_at).total_seconds()) for tick in ticks]
    last_at = ticks[0].due_at if ticks else None
    return Scheduled(
        actor=entry.actor,
        period=told(entry.period),
        next_at=entry.period.next_valid_date(now),
        last_at=last_at,
        late_s=lateness[0] if lateness else None,
        lateness_s=lateness[::-1],
        missed_at=None if pause else _missed_at(entry, last_at, now),
        pause=pause,
    )


def _missed_at(entry: Entry, last_at: datetime | None, now: datetime) -> datetime | None:
    """The first tick that nobody fired, once one is so late; a pause uses ticks up as well."""
    late = timedelta(seconds=LATE_S)
    if last_at is not None and not entry.missed(last_at, now, late):
        return None
    used_up = Tick.objects.filter(schedule=entry.actor).order_by("-due_at").values_list("due_at", flat=True).first()
    due_at = entry.missed(used_up, now, late)
    return entry.period.next_valid_date(used_up) if due_at and used_up else due_at
