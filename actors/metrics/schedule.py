"""How the schedule does, from the ledger."""

from collections.abc import Iterator
from datetime import datetime

from actors.models import Tick
from actors.schedule import Entry, table
from config.due import database_now
from config.metrics import DATABASE, Value, counter, reader, reading

FIRED = counter("tillkeeper_ticks_fired_total", "Ticks that this scheduler was the first to fire.", "schedule")
LAST_DUE = reading(
    "tillkeeper_schedule_last_tick_timestamp_seconds", "The due time of the latest tick that was fired.", "schedule"
)
LATENESS = reading(
    "tillkeeper_schedule_lateness_seconds", "How late the latest tick was fired, by the database's clock.", "schedule"
)
OVERDUE = reading(
    "tillkeeper_schedule_overdue_seconds", "How long the next tick after that has been due; 0 if it is not.", "schedule"
)


@reader(DATABASE)
def schedule() -> Iterator[Value]:
    """Of every entry that has ever fired; one that is new has nothing to be late for."""
    now = database_now()
    for entry in table():
        ticks = Tick.objects.filter(schedule=entry.actor).order_by("-due_at")
        if latest := ticks.values_list("due_at", "fired_at").first():
            due_at, fired_at = latest
            yield LAST_DUE, (entry.actor,), due_at.timestamp()
            yield LATENESS, (entry.actor,), (fired_at - due_at).total_seconds()
            yield OVERDUE, (entry.actor,), _overdue_s(entry, due_at, now)


def _overdue_s(entry: Entry, last_due: datetime, now: datetime) -> float:
    return max(0.0, (now - entry.period.next_valid_date(last_due)).total_seconds())
