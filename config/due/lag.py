"""The one number that says whether slow work is healthy: how late the oldest due row is. Read from the database.

It is true with no worker and no broker, and costs two looks into the index of the due column for each kind: its first
entry, and a count that ends at COUNTED_AT_MOST.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Q

from config.database import counts
from config.due.queue import KINDS, Due, DueRow, database_now
from config.metrics.registry import DATABASE, Value, reader, reading

DUE = reading("tillkeeper_due_rows", f"Rows that are due; {counts.COUNTED_AT_MOST} means as many or more.", "work")
LAG = reading("tillkeeper_lag_seconds", "How late the oldest due row is; 0 if none is due.", "work")

PARTS: dict[type[DueRow], Callable[[], list[Q]]] = {}
"""For a kind whose index begins with another column: conditions that cover all its rows, each with one value of it."""


@dataclass(frozen=True)
class Backlog:
    """What is due, counted up to COUNTED_AT_MOST, and how late the oldest of it is; 0 if nothing is due."""

    due: int
    lag_s: float


@reader(DATABASE)
def lag() -> Iterator[Value]:
    """Of each kind of work."""
    for kind, backlog in backlogs_by_kind().items():
        yield DUE, (kind.noun,), backlog.due
        yield LAG, (kind.noun,), backlog.lag_s


def backlogs_by_kind() -> dict[Due[Any], Backlog]:
    """Of every kind of work; one question to each database."""
    found: dict[Due[Any], Backlog] = {}
    for database in {kind.database for kind in KINDS.values()}:
        of_parts: dict[Due[Any], list[Backlog]] = {kind: [] for kind in KINDS.values() if kind.database == database}
        asked = [(kind, part) for kind in of_parts for part in parts(kind)]
        for (kind, _part), backlog in zip(asked, backlogs(asked, database), strict=True):
            of_parts[kind].append(backlog)
        found |= {kind: _sum(several) for kind, several in of_parts.items()}
    return found


def backlog(kind: Due[Any]) -> Backlog:
    """Of one kind of work."""
    return _sum(backlogs([(kind, part) for part in parts(kind)], kind.database))


def backlogs(asked: Sequence[tuple[Due[Any], Q]], database: str) -> list[Backlog]:
    """Of kinds of work, each with a condition on its rows; all in one question."""
    now = database_now(database)
    due = [(kind.due(now).filter(part), kind.column) for kind, part in asked]
    rows = [counts.capped(*each) for each in due]
    oldest = [counts.first(*each) for each in due]
    found = counts.in_one_round_trip(*rows, *oldest, using=database)
    since = found[len(rows) :]
    return [
        Backlog(number, (now - at).total_seconds() if at else 0.0)
        for number, at in zip(found[: len(rows)], since, strict=True)
    ]


def parts(kind: Due[Any]) -> list[Q]:
    """Conditions that cover all rows of the kind; the index of its due column serves each of them."""
    return PARTS[kind.model]() if kind.model in PARTS else [Q()]


def _sum(several: Sequence[Backlog]) -> Backlog:
    due = counts.total(backlog.due for backlog in several)
    return Backlog(due, max((backlog.lag_s for backlog in several), default=0.0))
