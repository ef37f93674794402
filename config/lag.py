"""The one number that says whether slow work is healthy: how late the oldest due row is. Read from the database.

It is true with no worker and no broker, and costs two looks into the index of the due column for each kind: its first
entry, and a count that ends at COUNTED_AT_MOST.
"""

from collections import Counter
from collections.abc import Callable, Iterator

from django.db.models import Q

from config import counting
from config.due import KINDS, DueRow, database_now
from config.metrics import DATABASE, Value, reader, reading

DUE = reading("tillkeeper_due_rows", f"Rows that are due; {counting.COUNTED_AT_MOST} means as many or more.", "work")
LAG = reading("tillkeeper_lag_seconds", "How late the oldest due row is; 0 if none is due.", "work")

PARTS: dict[type[DueRow], Callable[[], list[Q]]] = {}
"""For a kind whose index begins with another column: conditions that cover all its rows, each with one value of it."""


@reader(DATABASE)
def lag() -> Iterator[Value]:
    """Of each kind of work."""
    for database in {kind.database for kind in KINDS.values()}:
        yield from _in(database)


def _in(database: str) -> Iterator[Value]:
    """Of the kinds that live in this database, all in one question."""
    now, kinds = database_now(database), [kind for kind in KINDS.values() if kind.database == database]
    parts = [(kind, kind.due(now).filter(part)) for kind in kinds for part in PARTS.get(kind.model, _whole)()]
    rows = [counting.some(due, kind.column) for kind, due in parts]
    oldest = [counting.first(due, kind.column) for kind, due in parts]
    found = counting.answers(*rows, *oldest, using=database)
    counted, late = Counter[str](), Counter[str]()
    for (kind, _due), count, since in zip(parts, found[: len(parts)], found[len(parts) :], strict=True):
        counted[kind.noun] += count
        late[kind.noun] = max(late[kind.noun], (now - since).total_seconds() if since else 0)
    for kind in kinds:
        yield DUE, (kind.noun,), min(counted[kind.noun], counting.COUNTED_AT_MOST)
        yield LAG, (kind.noun,), late[kind.noun]


def _whole() -> list[Q]:
    return [Q()]
