"""Short tables, sorted by the column in the URL: `?sort=lag`, or `?sort=-lag` for the greatest first."""

from collections.abc import Callable, Iterable, Mapping
from operator import attrgetter
from typing import Any, TypeVar

from django.http import QueryDict

R = TypeVar("R")

Columns = Mapping[str, Callable[[Any], Any]]
"""By the column's name in the URL: the value to sort a row by."""

WORK: Columns = {
    "kind": attrgetter("label"),
    "due": attrgetter("due"),
    "lag": attrgetter("lag_s"),
    "next": attrgetter("next_at"),
}
QUEUES: Columns = {
    "queue": attrgetter("name"),
    "waiting": attrgetter("ready"),
    "oldest": attrgetter("oldest_s"),
    "work": attrgetter("unacked"),
    "consumers": attrgetter("consumers"),
    "dead": attrgetter("dead"),
}
WORKERS: Columns = {
    "worker": attrgetter("row.host", "row.pid"),
    "state": attrgetter("is_silent", "is_alive"),
    "busy": lambda worker: len(worker.busy),
    "threads": attrgetter("row.threads"),
    "fetched": attrgetter("row.fetched"),
    "done": attrgetter("row.done"),
    "failed": attrgetter("row.failed"),
    "since": attrgetter("row.started_at"),
    "seen": attrgetter("row.seen_at"),
}
SCHEDULE: Columns = {
    "entry": attrgetter("actor"),
    "next": attrgetter("next_at"),
    "last": attrgetter("last_at"),
    "late": attrgetter("late_s"),
}
PROVIDERS: Columns = {
    "account": attrgetter("state.account"),
    "state": attrgetter("passes"),
    "since": attrgetter("state.since"),
    "limit": attrgetter("limit_per_s"),
    "errors": attrgetter("state.errors"),
}


def by_column(rows: Iterable[R], query: QueryDict, columns: Columns) -> list[R]:
    """The rows in the wanted order; those without a value come last. An unknown column leaves them as they are."""
    sort, rows = query.get("sort", ""), list(rows)
    value = columns.get(sort.removeprefix("-"))
    if value is None:
        return rows
    present = [row for row in rows if value(row) is not None]
    missing = [row for row in rows if value(row) is None]
    return sorted(present, key=value, reverse=sort.startswith("-")) + missing
