"""How the schedule does. A paused entry is neither late nor overdue."""

from collections.abc import Iterator

from actors.models import Pause
from actors.operations.broker import queue_names
from actors.operations.queries.pauses import pauses
from actors.operations.queries.schedule import schedule as entries
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


@reader(DATABASE)
def schedule() -> Iterator[Value]:
    """Of every entry that was ever due: a new one has nothing to be late for. And which queues are paused."""
    paused = pauses(Pause.Kind.QUEUE)
    for queue in queue_names():
        yield QUEUE_PAUSED, (queue,), float(queue in paused)
    for entry in entries():
        yield PAUSED, (entry.actor,), float(entry.pause is not None)
        if entry.last_at and entry.late_s is not None:
            yield LAST_DUE, (entry.actor,), entry.last_at.timestamp()
            yield LATENESS, (entry.actor,), 0.0 if entry.pause else entry.late_s
        if entry.overdue_s is not None:
            yield OVERDUE, (entry.actor,), entry.overdue_s
