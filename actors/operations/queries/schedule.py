"""The schedule: when each entry is due, and how late it is. Console, `jobs`, findings and metrics use it.

Late means one of two things. A tick that *was fired* was late by `late_s`. A tick that *was not fired* makes its entry
overdue, and missed once it is overdue for more than LATE_S. A paused entry is neither.
"""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Max
from django.utils.translation import gettext as _

from actors import pauses
from actors.models import Pause, Tick
from actors.scheduling.ledger import ticks_ahead
from actors.scheduling.periods import Cron, Every
from actors.scheduling.table import Entry, table
from config.due.queue import database_now

LATE_S = 30.0
"""Work, and ticks of the schedule, that are later than this are shown on the first page. It stands here, because `work`
knows the shop's kinds of work, and another project takes the schedule without them.
"""

LATEST_SQL = """
    SELECT * FROM (SELECT * FROM actors_tick WHERE schedule = %s {only} ORDER BY due_at DESC LIMIT {limit}) AS latest
"""


@dataclass(frozen=True)
class ScheduledEntry:
    """One entry of the schedule, now."""

    actor: str
    period: str
    """The period in words."""

    spec: str
    """The period in the schedule's own notation."""

    next_at: datetime
    last_at: datetime | None
    """The due time of the tick that was fired last."""

    late_s: float | None
    """How late that tick was fired; None if there is none."""

    lateness_s: list[float]
    """The same for the last ticks, oldest first."""

    used_up_at: datetime | None
    """The due time of the last tick that was fired, or used up by a pause."""

    overdue_s: float | None
    """How long the next tick has been due; 0 if it is not due; None if there is no tick yet."""

    missed_at: datetime | None
    """The first tick that was not fired, if it has been due for more than LATE_S."""

    pause: Pause | None


def schedule(ticks: int = 1) -> list[ScheduledEntry]:
    """Every entry, the next due first. `ticks`: the number of last ticks in `lateness_s`."""
    now, paused, entries = database_now(), pauses.paused(pauses.SCHEDULE), table()
    last = _last_ticks([entry.actor for entry in entries], ticks)
    found = [_scheduled(entry, last[entry.actor], paused.get(entry.actor), now) for entry in entries]
    return sorted(found, key=lambda one: one.next_at)


def ahead_s(now: datetime) -> float:
    """How far the newest tick lies in the future; 0 unless the database's clock was set back."""
    newest_at = ticks_ahead(now).aggregate(at=Max("due_at"))["at"]
    return (newest_at - now).total_seconds() if newest_at else 0.0


def missed_at(entry: Entry, used_up_at: datetime | None, now: datetime) -> datetime | None:
    """The first tick that was not fired, if it has been due for more than LATE_S.

    Without any tick, one that is too old to be caught up does not count: the shop is younger.
    """
    late = timedelta(seconds=LATE_S)
    if used_up_at is not None:
        first_at = entry.period.next_valid_date(used_up_at)
        return first_at if now - first_at >= late else None
    first_at = entry.period.latest(now - late)
    return first_at if now - first_at <= entry.catch_up + late else None


def in_words(period: Every | Cron) -> str:
    """A simple period in words, else its notation; all times are UTC.

    >>> in_words(Cron("0 3 * * *")), in_words(Cron("17 * * * *")), in_words(Cron("0 3 1 * *"))
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


def _last_ticks(schedules: list[str], ticks: int) -> dict[str, list[Tick]]:
    """The last tick of each schedule, and its last fired ones, newest first. Django took 8 ms to compose this query."""
    found: defaultdict[str, list[Tick]] = defaultdict(list)
    both = [LATEST_SQL.format(only="", limit=1), LATEST_SQL.format(only="AND NOT paused", limit=ticks)]
    sql = "UNION".join(both * len(schedules))
    for tick in Tick.objects.raw(sql, [name for name in schedules for _sql in both]) if schedules else []:
        found[tick.schedule].append(tick)
    for several in found.values():
        several.sort(key=lambda tick: tick.due_at, reverse=True)
    return found


def _scheduled(entry: Entry, ticks: list[Tick], pause: Pause | None, now: datetime) -> ScheduledEntry:
    fired = [tick for tick in ticks if not tick.paused]
    lateness = [max(0.0, (tick.fired_at - tick.due_at).total_seconds()) for tick in fired]
    used_up_at = ticks[0].due_at if ticks else None
    return ScheduledEntry(
        actor=entry.actor,
        period=in_words(entry.period),
        spec=str(entry.period),
        next_at=entry.period.next_valid_date(now),
        last_at=fired[0].due_at if fired else None,
        late_s=lateness[0] if lateness else None,
        lateness_s=lateness[::-1],
        used_up_at=used_up_at,
        overdue_s=_overdue_s(entry, used_up_at, pause, now),
        missed_at=None if pause else missed_at(entry, used_up_at, now),
        pause=pause,
    )


def _overdue_s(entry: Entry, used_up_at: datetime | None, pause: Pause | None, now: datetime) -> float | None:
    if used_up_at is None:
        return None
    overdue_s = (now - entry.period.next_valid_date(used_up_at)).total_seconds()
    return 0.0 if pause else max(0.0, overdue_s)
