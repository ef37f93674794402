"""Slow work: what is due of each kind, and how late the oldest of it is."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from actors.kinds import KINDS, Kind
from billing.admin.bases import page_of
from config.database.counts import Some, count_some
from config.due.queue import DueRow, database_now

LATE_S = 30.0
"""Work, and ticks of the schedule, that are later than this are shown on the first page."""

ROWS = 50
"""So many rows stand on the page of a kind."""


@dataclass(frozen=True)
class Backlog:
    """One kind of work, now. `lag_s`: how late its oldest due row is."""

    name: str
    label: str
    sweep: str
    due: Some
    lag_s: float
    next_at: datetime | None
    """The next appointment of those that are not due."""

    @property
    def is_late(self) -> bool:
        """Return True when the kind is more than LATE_S late."""
        return self.lag_s > LATE_S


@dataclass(frozen=True)
class Row:
    """One row that carries slow work."""

    key: str
    """For acts: the kind and the key, like `payment:17`."""

    text: str
    address: str
    due_at: datetime
    late_s: float
    """Below zero: it is not due yet."""

    claims: int
    errors: int
    asked_by: str
    may_be_early: bool

    @property
    def is_due(self) -> bool:
        return self.late_s >= 0

    @property
    def is_held(self) -> bool:
        """Is somebody on it, or was, and did not come back?"""
        return self.claims > 0 and not self.is_due


@dataclass(frozen=True)
class Work:
    """The kinds there are."""

    backlogs: list[Backlog]

    @property
    def longest_s(self) -> float:
        """The greatest lag of all."""
        return max((backlog.lag_s for backlog in self.backlogs), default=0.0)


@dataclass(frozen=True)
class KindOfWork:
    """One kind and its rows: those that are due, the longest first, then those that come due next."""

    backlog: Backlog
    rows: list[Row]


def work() -> Work:
    """Every kind; those first that are late."""
    now = database_now()
    return Work(sorted((_backlog(kind, now) for kind in KINDS), key=lambda one: not one.is_late))


def kind_of_work(kind: Kind) -> KindOfWork:
    """One kind, with the ROWS that wait longest."""
    now = database_now()
    found = [row for part in kind.parts() for row in _first_rows(kind, kind.due.appointments().filter(part))]
    oldest = sorted(found, key=lambda row: kind.due.due_time(row) or now)[:ROWS]
    return KindOfWork(_backlog(kind, now), [_row(kind, row, now) for row in oldest])


def _backlog(kind: Kind, now: datetime) -> Backlog:
    parts = [kind.due.due(now).filter(part) for part in kind.parts()]
    oldest = [due_at for due in parts for due_at in due.values_list(kind.due.column, flat=True)[:1]]
    lag_s = max(((now - due_at).total_seconds() for due_at in oldest), default=0.0)
    due = sum((count_some(due) for due in parts), Some(0))
    return Backlog(kind.name, str(kind.label), kind.sweep, due, lag_s, _next_at(kind, now))


def _next_at(kind: Kind, now: datetime) -> datetime | None:
    ahead = kind.due.appointments().filter(**{f"{kind.due.column}__gt": now})
    found = (ahead.filter(part).values_list(kind.due.column, flat=True)[:1] for part in kind.parts())
    return min((moment for moments in found for moment in moments), default=None)


def _first_rows(kind: Kind, rows: Any) -> list[DueRow]:
    return list(kind.trim(rows)[:ROWS])


def _row(kind: Kind, row: DueRow, now: datetime) -> Row:
    due_at = kind.due.due_time(row)
    assert due_at is not None  # noqa: S101 (rows without an appointment are not asked for)
    return Row(
        key=f"{kind.name}:{row.pk}",
        text=str(row),
        address=page_of(kind.due.model, row.pk),
        due_at=due_at,
        late_s=(now - due_at).total_seconds(),
        claims=row.claims,
        errors=row.errors,
        asked_by=row.asked_by,
        may_be_early=kind.may_be_early,
    )
