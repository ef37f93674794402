"""Slow work: how many rows of each kind are due, and how late the oldest is."""

from dataclasses import dataclass
from datetime import datetime

from actors.kinds import Kind
from actors.operations.queries.schedule import LATE_S
from actors.project import kind_named, project
from billing.admin.bases import page_of
from config.database import counts
from config.due import lag
from config.due.queue import DueRow, database_now

ROWS = 50
"""Rows that the page of a kind shows."""


@dataclass(frozen=True)
class Backlog:
    """One kind of work, now. `lag_s`: how late its oldest due row is."""

    name: str
    label: str
    sweep: str
    due: int
    lag_s: float
    next_at: datetime | None
    """The earliest due time in the future."""

    @property
    def is_late(self) -> bool:
        """Is the kind more than LATE_S late?"""
        return self.lag_s > LATE_S


@dataclass(frozen=True)
class Row:
    key: str
    """The key for actions: the kind and the id, like `payment:17`."""

    text: str
    address: str
    due_at: datetime
    late_s: float
    """Negative if it is not due yet."""

    claims: int
    errors: int
    asked_by: str
    may_be_early: bool

    @property
    def is_due(self) -> bool:
        return self.late_s >= 0

    @property
    def is_held(self) -> bool:
        """Was it claimed, by a living or a dead worker?"""
        return self.claims > 0 and not self.is_due


@dataclass(frozen=True)
class KindOfWork:
    """One kind and its rows: due ones first, longest wait first, then by due time."""

    backlog: Backlog
    rows: list[Row]


def backlogs() -> list[Backlog]:
    """Every kind of work, late ones first."""
    found = lag.backlogs_by_kind()
    shown = [_backlog(kind, found[kind.due]) for kind in project().kinds]
    return sorted(shown, key=lambda backlog: not backlog.is_late)


def kind_of_work(name: str) -> KindOfWork | None:
    """One kind, with the ROWS that wait longest; None if no kind has this name."""
    kind, now = kind_named(name), database_now()
    if kind is None:
        return None
    first = [row for part in lag.parts(kind.due) for row in kind.trim(kind.due.appointments().filter(part))[:ROWS]]
    oldest = sorted(first, key=lambda row: kind.due.due_time(row) or now)[:ROWS]
    return KindOfWork(_backlog(kind, lag.backlog(kind.due)), [_row(kind, row, now) for row in oldest])


def _backlog(kind: Kind, backlog: lag.Backlog) -> Backlog:
    return Backlog(kind.name, str(kind.label), kind.sweep, backlog.due, backlog.lag_s, _next_at(kind))


def _next_at(kind: Kind) -> datetime | None:
    ahead = kind.due.appointments().filter(**{f"{kind.due.column}__gt": database_now(kind.due.database)})
    firsts = (counts.first(ahead.filter(part), kind.due.column) for part in lag.parts(kind.due))
    return min((at for at in counts.in_one_round_trip(*firsts, using=kind.due.database) if at), default=None)


def _row(kind: Kind, row: DueRow, now: datetime) -> Row:
    due_at = kind.due.due_time(row)
    assert due_at is not None  # noqa: S101 (only rows with a due time are read)
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
