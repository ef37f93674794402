"""Lag: how late the oldest due row is. This one number says whether slow work is healthy.

It is read from the database, so it is true with no worker and no broker. Each kind of work costs two reads of the due
column's index: its first entry, and a count that ends at COUNTED_AT_MOST.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Q

from config.database import counts
from config.due.queue import KINDS, Due, DueRow, database_now
from config.metrics.registry import DATABASE, Value, reader, reading

DUE_GAUGE = reading(
    "tillkeeper_due_rows", f"Rows that are due; {counts.COUNTED_AT_MOST} means as many or more.", "work"
)
LAG_SECONDS = reading("tillkeeper_lag_seconds", "How late the oldest due row is; 0 if none is due.", "work")

PARTS: dict[type[DueRow], Callable[[], list[Q]]] = {}
"""For a kind whose index begins with another column: conditions that cover all rows, one for each of its values."""


@dataclass(frozen=True)
class Backlog:
    """The number of due rows, up to COUNTED_AT_MOST, and the lag in seconds; 0 if nothing is due."""

    due: int
    lag_s: float


@reader(DATABASE)
def lag() -> Iterator[Value]:
    """Due rows and lag of each kind of work."""
    for kind, backlog in backlogs_by_kind().items():
        yield DUE_GAUGE, (kind.noun,), backlog.due
        yield LAG_SECONDS, (kind.noun,), backlog.lag_s


def backlogs_by_kind() -> dict[Due[Any], Backlog]:
    """The backlog of every kind of work; one query per database."""
    found = dict.fromkeys(KINDS.values(), Backlog(0, 0.0))
    for database in {kind.database for kind in KINDS.values()}:
        asked = [(kind, part) for kind in KINDS.values() if kind.database == database for part in parts(kind)]
        for (kind, _part), more in zip(asked, backlogs(asked, database), strict=True):
            found[kind] = _sum([found[kind], more])
    return found


def backlog(kind: Due[Any]) -> Backlog:
    """The backlog of one kind of work."""
    return _sum(backlogs([(kind, part) for part in parts(kind)], kind.database))


def backlogs(asked: Sequence[tuple[Due[Any], Q]], database: str) -> list[Backlog]:
    """The backlogs of several kinds of work, each with a condition on its rows; one query for all."""
    now = database_now(database)
    due = [(kind.due(now).filter(part), kind.column) for kind, part in asked]
    questions = [ask(rows, column) for ask in (counts.capped, counts.first) for rows, column in due]
    found = counts.in_one_round_trip(*questions, using=database)
    return [
        Backlog(number, (now - since).total_seconds() if since else 0.0)
        for number, since in zip(found[: len(due)], found[len(due) :], strict=True)
    ]


def parts(kind: Due[Any]) -> list[Q]:
    """Conditions that cover all rows of the kind; the index of its due column serves each of them."""
    return PARTS[kind.model]() if kind.model in PARTS else [Q()]


def _sum(several: Sequence[Backlog]) -> Backlog:
    return Backlog(counts.total(each.due for each in several), max((each.lag_s for each in several), default=0.0))
