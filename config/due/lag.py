"""The one number that says whether slow work is healthy: how late the oldest due row is. Read from the database.

It is true with no worker and no broker, and costs two looks into the index of the due column for each kind: its first
entry, and a count that ends at COUNTED_AT_MOST.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from django.db.models import Q

from config.database import counts
from config.due.queue import KINDS, Due, DueRow, database_now
from config.metrics.registry import DATABASE, Value, reader, reading

DUE = reading("tillkeeper_due_rows", f"Rows that are due; {counts.COUNTED_AT_MOST} means as many or more.", "work")
LAG = reading("tillkeeper_lag_seconds", "How late the oldest due row is; 0 if none is due.", "work")

PARTS: dict[type[DueRow], Callable[[], list[Q]]] = {}
"""For a kind whose index begins with another column: conditions that cover all its rows, each with one value of it."""


@reader(DATABASE)
def lag() -> Iterator[Value]:
    """Of each kind of work."""
    for database in {kind.database for kind in KINDS.values()}:
        yield from _in(database)


def _in(database: str) -> Iterator[Value]:
    """Of the kinds that live in this database."""
    kinds = [kind for kind in KINDS.values() if kind.database == database]
    parts = [(kind, part) for kind in kinds for part in PARTS.get(kind.model, _whole)()]
    backlogs: dict[str, list[tuple[int, float]]] = {kind.noun: [] for kind in kinds}
    for (kind, _), backlog in zip(parts, _backlogs(parts, database), strict=True):
        backlogs[kind.noun].append(backlog)
    for noun, found in backlogs.items():
        yield DUE, (noun,), min(sum(rows for rows, _ in found), counts.COUNTED_AT_MOST)
        yield LAG, (noun,), max((late for _, late in found), default=0.0)


def _backlogs(parts: Sequence[tuple[Due[Any], Q]], database: str) -> list[tuple[int, float]]:
    """Of each how many are due, and how late the oldest is, in seconds; all in one question."""
    now = database_now(database)
    due = [(kind.due(now).filter(part), kind.column) for kind, part in parts]
    rows = [counts.capped(*each) for each in due]
    oldest = [counts.first(*each) for each in due]
    found = counts.in_one_round_trip(*rows, *oldest, using=database)
    since = found[len(rows) :]
    return [(n, (now - at).total_seconds() if at else 0.0) for n, at in zip(found[: len(rows)], since, strict=True)]


def _whole() -> list[Q]:
    return [Q()]
