"""Short tables, sorted by the column in the URL: `?sort=lag`, or `?sort=-lag` for the greatest first."""

from collections.abc import Callable, Iterable, Mapping
from operator import attrgetter
from typing import Any, TypeVar

from django.http import QueryDict

R = TypeVar("R")

Columns = Mapping[str, Callable[[Any], Any]]
"""By the column's name in the URL: the value to sort a row by."""


def _columns(**attributes: str) -> Columns:
    return {name: attrgetter(*paths.split()) for name, paths in attributes.items()}


WORK = _columns(kind="label", due="due", lag="lag_s", next="next_at")
QUEUES = _columns(queue="name", waiting="ready", oldest="oldest_s", work="unacked", consumers="consumers", dead="dead")
WORKERS: Columns = {
    **_columns(worker="row.host row.pid", state="is_silent is_alive", threads="row.threads", fetched="row.fetched"),
    **_columns(done="row.done", failed="row.failed", since="row.started_at", seen="row.seen_at"),
    "busy": lambda worker: len(worker.busy),
}
SCHEDULE = _columns(entry="actor", next="next_at", last="last_at", late="late_s")
PROVIDERS: Columns = {
    **_columns(account="state.account", state="passes", since="state.since", errors="state.errors"),
    "limit": lambda account: account.limit_per_s or None,
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
