"""How the schedule does, from the ledger. What an operator has told to rest is neither late nor overdue."""

from collections.abc import Iterator
from datetime import datetime

from actors.models import Pause, Tick
from actors.operations import pauses
from actors.operations.broker import queue_names
from actors.scheduling.table import Entry, table
from config.due.queue import database_now
from config.metrics.registry import DATABASE, Value, counter, reader, reading

FIRED = counter("tillkeeper_ticks_fired_total", "Ticks that this scheduler was the first to fire.", "schedule")
LAST_DUE = reading(
    "tillkeeper_schedule_last_tick_timestamp_seconds", "The due time of the latest tick that was fired.", "schedule"
)
LATENESS = reading(
    "tillkeeper_schedule_lateness_seconds",
    "How late the latest tick was fired, by the database's clock; 0 while the entry is paused.",
    "schedule",
)
OVERDUE = reading(
    "tillkeeper_schedule_overdue_seconds",
    "How long the next tick after that has been due; 0 if it is not, or while the entry is paused.",
    "schedule",
)
PAUSED = reading("tillkeeper_schedule_paused", "1 while an operator has paused the entry, else 0.", "schedule")
QUEUE_PAUSED = reading("tillkeeper_queue_paused", "1 while an operator has paused the queue, else 0.", "queue")


LATEST_SQL = """
    SELECT * FROM (SELECT * FROM actors_tick WHERE schedule = %s {only} ORDER BY due_at DESC LIMIT 1) AS latest
"""


@reader(DATABASE)
def schedule() -> Iterator[Value]:
    """Of every entry that was ever due; one that is new has nothing to be late for. And which queues rest."""
    now, entries, resting = database_now(), table(), set(Pause.objects.values_list("kind", "name"))
    for queue in queue_names():
        yield QUEUE_PAUSED, (queue,), float((pauses.QUEUE, queue) in resting)
    ticks = _latest([entry.actor for entry in entries])
    for entry in entries:
        paused = (pauses.SCHEDULE, entry.actor) in resting
        last = [tick for tick in ticks if tick.schedule == entry.actor]
        yield PAUSED, (entry.actor,), float(paused)
        if fired := next((tick for tick in last if not tick.paused), None):
            yield LAST_DUE, (entry.actor,), fired.due_at.timestamp()
            yield LATENESS, (entry.actor,), 0.0 if paused else (fired.fired_at - fired.due_at).total_seconds()
        if last:
            yield OVERDUE, (entry.actor,), 0.0 if paused else _overdue_s(entry, max(tick.due_at for tick in last), now)


def _latest(schedules: list[str]) -> list[Tick]:
    """Of each schedule the last tick, and the last that was fired: a pause uses ticks up as well.

    All in one question, written by hand: to compose this one took Django 8 of the 20 milliseconds of a page.
    """
    both = [LATEST_SQL.format(only=only) for only in ("", "AND NOT paused")]
    sql = "UNION".join(part for _ in schedules for part in both)
    return list(Tick.objects.raw(sql, [name for name in schedules for _ in both])) if schedules else []


def _overdue_s(entry: Entry, last_due: datetime, now: datetime) -> float:
    return max(0.0, (now - entry.period.next_valid_date(last_due)).total_seconds())
