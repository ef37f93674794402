"""The one number that says whether slow work is healthy: how late the oldest due row is. Read from the database.

It is true with no worker and no broker, and costs one short walk along the index of the due column for each kind.
"""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from django.db.models import Count, Min, Q, QuerySet

from config.due import KINDS, Due, DueRow, database_now
from config.metrics import DATABASE, Value, reader, reading

COUNTED_AT_MOST = 20_000
"""Of a longer backlog only so much is counted, so that a look takes milliseconds whatever its length."""

DUE = reading("tillkeeper_due_rows", f"Rows that are due; {COUNTED_AT_MOST} means as many or more.", "work")
LAG = reading("tillkeeper_lag_seconds", "How late the oldest due row is; 0 if none is due.", "work")

PARTS: dict[type[DueRow], Callable[[], list[Q]]] = {}
"""For a kind whose index begins with another column: conditions that cover all its rows, each with one value of it."""


@reader(DATABASE)
def lag() -> Iterator[Value]:
    """Of each kind of work."""
    for model, kind in KINDS.items():
        now = database_now(kind.database)
        backlogs = [_backlog(kind, now, part) for part in PARTS.get(model, _whole)()]
        yield DUE, (kind.noun,), min(sum(rows for rows, _late in backlogs), COUNTED_AT_MOST)
        yield LAG, (kind.noun,), max((late for _rows, late in backlogs), default=0.0)


def count_some(rows: "QuerySet[Any]", column: str) -> int:
    """How many, up to COUNTED_AT_MOST; `column` is one of the index that serves the condition and the order."""
    return rows.values(column)[:COUNTED_AT_MOST].count()


def _backlog(kind: Due[Any], now: datetime, part: Q) -> tuple[int, float]:
    """How many are due, and how late the oldest is, in seconds."""
    due = kind.due(now).filter(part).values(kind.column)[:COUNTED_AT_MOST]
    found = due.aggregate(rows=Count(kind.column), oldest=Min(kind.column))
    return found["rows"], (now - found["oldest"]).total_seconds() if found["oldest"] else 0.0


def _whole() -> list[Q]:
    return [Q()]
