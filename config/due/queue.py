"""The core idea: the database is the truth; a message only says *look now*.

Each piece of slow work belongs to a row. The row's **due column** holds the time of the next attempt:

* `NULL`: nothing is left to do;
* in the future: not yet, or a worker has claimed it;
* now or earlier: the first worker to come may claim it.

To **claim** a row, a worker moves its due time ahead: by a lease, or to the next appointment. So one column is
schedule, lease, retry and rescue. There is no "processing" state. The rows of a dead worker need no rescuer: they come
due again. The due time is also the fencing token: an outcome is written only while the due column still holds the
claim's time (`holding`). Otherwise the claim was lost, and the late worker changes nothing.

`claims` counts the claims since the last outcome. It is committed before the work starts. A row that is due with claims
left over is one whose worker died. A broker's retry counter misses a killed process; this one does not.

Due times are compared with the database's clock, never with the worker's. A process that is shutting down claims
nothing.
"""

import logging
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

from django.db import connections, models, router, transaction
from django.db.models import Case, F, Q, QuerySet, When
from django.db.models.functions import Now
from django.utils import timezone

from config.due import shutting_down
from config.due.metrics import count_claimed, count_outcome
from config.due.sql import Statements
from config.logging import log_context

R = TypeVar("R", bound="DueRow")

log = logging.getLogger(__name__)

DEATHS_ALLOWED = 3
"""Workers that may die on a row before a person must check it (as Sidekiq does with its poison pills)."""

KINDS: "dict[type[DueRow], Due[Any]]" = {}
"""Every kind of slow work that this process knows, by its model."""


class ClaimLost(Exception):
    """The due column no longer holds this worker's claim: another worker has the row, or finished it."""


class DueRow(models.Model):
    """A row that carries slow work. Its `Due` names the due column."""

    claims = models.PositiveSmallIntegerField(default=0, editable=False)
    """Claims since the last outcome. Set by the claim, cleared by the outcome."""

    errors = models.PositiveSmallIntegerField("consecutive errors", default=0, editable=False)
    """Set by `put_off`, cleared by every other outcome."""

    asked_by = models.CharField(max_length=16, default="", blank=True, editable=False)
    """Who asked for an attempt since the last claim; empty if the appointment stands. The claim clears it. If it is set
    again during the work, the outcome makes the row due at once."""

    due_since: datetime
    """On a claimed row object: when it came due. Not stored."""

    class Meta:
        abstract = True

    @property
    def died_too_often(self) -> bool:
        """Did so many workers die on this row that a person must check it?"""
        return self.claims > DEATHS_ALLOWED


@dataclass(frozen=True)
class Due(Generic[R]):
    """One kind of slow work: the rows of `model`. Their `column` holds the time of the next attempt.

    A claim holds for the `lease`, which must be longer than the longest job. A worker that dies costs one lease.
    """

    model: type[R]
    column: str
    lease: timedelta
    pace: timedelta | None = None
    """The least time between two attempts that strangers can cause (`request`). The model's column `requested_for` has
    the time of the last one; None: the model has no such column.
    """

    def __post_init__(self) -> None:
        KINDS[self.model] = self

    @property
    def noun(self) -> str:
        """The kind's name in metrics, like `payment_event`."""
        return re.sub("(?<!^)(?=[A-Z])", "_", self.model.__name__).lower()

    def count(self, outcome: str, rows: int = 1) -> None:
        """Count the outcome of claimed rows when the transaction commits."""
        count_outcome(self.noun, outcome, rows, self.database)

    def claim_batch(self, limit: int, only: Q | None = None, order: str = "") -> list[R]:
        """Claim up to `limit` due rows that no worker holds, longest wait first, or by the column `order`.

        Rows whose last worker died are left to `claim_left_over`: what killed it must not kill a whole batch again.
        """
        return self._claim(Q(claims=0) & (only or Q()), limit, order)

    def claim_left_over(self, only: Q | None = None) -> R | None:
        """Claim one due row whose last worker died, to be worked on alone."""
        return next(iter(self._claim(Q(claims__gt=0) & (only or Q()), 1)), None)

    def claim_one(self, pk: int) -> R | None:
        """Claim this row if it is due; None if it is not, or if a worker has it.

        This waits for a short lock on the row: a nudge is about this row, so another row would not do.
        """
        return next(iter(self._claim(Q(pk=pk), 1, wait=True)), None)

    def work_off(self, limit: int, work: Callable[[R], object], only: Q | None = None) -> int:
        """Claim due rows and work on them one by one. Returns how many; `limit` means that there may be more.

        A failing row does not stop the others: the failure is logged, and the row comes due again after its lease. Rows
        that a dead worker left come last, each claimed just before its work starts.
        """
        claimed = self.claim_batch(limit, only)
        for row in claimed:
            self.work_on(row, work)
        left_over = 0
        while left_over < limit and (row_left := self.claim_left_over(only)):
            self.work_on(row_left, work)
            left_over += 1
        return max(len(claimed), left_over)

    def work_on(self, row: R, work: Callable[[R], object]) -> bool:
        """Work on one claimed row. Log failures; leave lost claims alone. Returns True if all went well."""
        noun = self.model._meta.model_name or ""
        with log_context(**{noun: row.pk}):
            try:
                work(row)
            except ClaimLost:
                log.info("claim.lost")
                self.count("claim_lost")
            except Exception:
                log.exception("work.failed")
                self.count("failed")
            else:
                return True
        return False

    @contextmanager
    def holding(self, row: R) -> Iterator[R]:
        """Open a transaction with the claimed row locked and read again, to write the outcome.

        Raises ClaimLost, and writes nothing, if the due column no longer holds the claim's time.
        """
        with transaction.atomic(using=self.database):
            held = self.lock_held([row])
            if not held:
                raise ClaimLost(f"{self.model.__name__} {row.pk} is no longer held")
            yield held[0]

    def lock_held(self, rows: Sequence[R]) -> list[R]:
        """Lock the claimed rows that are still held, read again, in key order. Needs a transaction."""
        token = {row.pk: self.due_time(row) for row in rows}
        locked = self._rows().select_for_update(of=("self",)).filter(pk__in=token).order_by("pk")
        return [row for row in locked if self.due_time(row) == token[row.pk]]

    def prolong(self, row: R) -> None:
        """Hold a claimed row for another lease, for work in several steps.

        Raises ClaimLost if the row is no longer held. Inside a transaction this is the fence for what the step writes.
        """
        held = self._rows().filter(pk=row.pk, **{self.column: self.due_time(row)})
        until = database_now(self.database) + self.lease
        if not held.update(**{self.column: until}):
            raise ClaimLost(f"{self.model.__name__} {row.pk} is no longer held")
        setattr(row, self.column, until)

    def snooze(self, row: R, after: timedelta) -> None:
        """The answer was "not yet": try again later, and count no error. The caller saves the row."""
        self._finish(row, "snoozed", after, errors=0)

    def leave(self, row: R, after: timedelta) -> None:
        """Nothing new is known: try again later, and keep the count of errors. The caller saves the row."""
        self._finish(row, "left", after, errors=row.errors)

    def put_off(self, row: R, after: timedelta) -> None:
        """It failed: try again later, and count a consecutive error. The caller saves the row."""
        self._finish(row, "put_off", after, errors=row.errors + 1)

    def done(self, row: R) -> None:
        """Nothing is left to do. The caller saves the row."""
        self._finish(row, "done", None, errors=0)

    def finish(self, row: R, done_at: str | None = None, **outcome: Any) -> None:
        """Nothing is left to do: write that and the outcome in one statement, for high volumes.

        `done_at` names a column for the time. Raises ClaimLost, and writes nothing, if the row is no longer held.
        """
        if not self._statements.finish(row.pk, self.due_time(row), done_at, outcome):
            raise ClaimLost(f"{self.model.__name__} {row.pk} is no longer held")
        self.count("done")

    def release(self, rows: Sequence[R]) -> int:
        """Give back rows whose work has not started, as if unclaimed. Returns how many were still held."""
        released = self._statements.release([(row.pk, self.due_time(row), row.due_since) for row in rows])
        self.count("released", released)
        return released

    @property
    def fields(self) -> list[str]:
        """The columns that an outcome writes, for `save(update_fields=…)`."""
        return [self.column, "claims", "errors", "asked_by"]

    def snooze_all(self, rows: Sequence[R], until: Sequence[datetime]) -> int:
        """Snooze many claimed rows in one statement. Returns how many were still held."""
        triples = [(row.pk, self.due_time(row), moment) for row, moment in zip(rows, until, strict=True)]
        snoozed = self._statements.snooze(triples)
        self.count("snoozed", snoozed)
        self.count("claim_lost", len(rows) - snoozed)
        return snoozed

    def make_due(self, rows: Q, asked_by: str) -> int:
        """Make rows due now if they have an appointment. Returns how many had one.

        A row that a worker holds gets another attempt after the present one. A claim is never taken away, so a flood of
        requests cannot keep an outcome from being written.
        """
        sooner = Case(When(Q(claims=0, **{f"{self.column}__gt": Now()}), then=Now()), default=F(self.column))
        waiting = self._rows().filter(rows, **{f"{self.column}__isnull": False})
        return waiting.update(**{self.column: sooner}, asked_by=asked_by)

    def make_due_again(self, rows: Q, asked_by: str) -> int:
        """Make rows due now that have no appointment any more: they are to be looked at once more. Returns how many."""
        return self._rows().filter(rows, **{self.column: None}).update(**{self.column: Now()}, asked_by=asked_by)

    def request(self, pk: int, asked_by: str) -> bool:
        """A page or callback asks for an attempt: make the row due as soon as `pace` permits. True if that is now.

        No request is lost: one that comes too early moves the due time to the end of the pace. On a row that a worker
        holds, the outcome does so.
        """
        with transaction.atomic(using=self.database):
            row: Any = self._rows().select_for_update(of=("self",)).get(pk=pk)
            now, due = database_now(self.database), self.due_time(row)
            moment = max(now, row.requested_for + self.pace) if row.requested_for else now
            is_news = not row.asked_by if row.claims else due is None or due > moment
            if is_news:
                row.requested_for = moment
            if is_news and not row.claims:
                due = moment
                setattr(row, self.column, due)
            row.asked_by = asked_by
            row.save(update_fields=[self.column, "requested_for", "asked_by"])
        return not row.claims and due is not None and due <= now

    def due(self, now: datetime) -> QuerySet[R]:
        """The due rows, longest wait first. `now` is the database's time."""
        return self.appointments().filter(**{f"{self.column}__lte": now})

    def appointments(self) -> QuerySet[R]:
        """The rows with an appointment, now or later, earliest first."""
        return self._rows().filter(**{f"{self.column}__isnull": False}).order_by(self.column)

    def due_time(self, row: R) -> datetime | None:
        """What the due column of this row object holds."""
        value: datetime | None = getattr(row, self.column)
        return value

    @property
    def database(self) -> str:
        """The alias of the database that this model writes to."""
        return router.db_for_write(self.model)

    @property
    def _statements(self) -> Statements:
        return Statements(self.model, self.column, self.database, is_paced=self.pace is not None)

    def _rows(self) -> QuerySet[R]:
        return self.model._default_manager.using(self.database)

    def _claim(self, only: Q, limit: int, order: str = "", *, wait: bool = False) -> list[R]:
        """Lock, move and count in one short transaction; the slow part comes after it."""
        if shutting_down.is_set():
            return []
        with transaction.atomic(using=self.database):
            now = database_now(self.database)
            rows = self._lock_due(only, limit, order, now, wait)
            if rows:
                self._move_ahead(rows, now + self.lease)
                count_claimed(self.noun, len(rows), self.database)
        return rows

    def _lock_due(self, only: Q, limit: int, order: str, now: datetime, wait: bool) -> list[R]:
        """SQLite has no row locks and needs none: its transactions here begin IMMEDIATE, one writer at a time."""
        skip_locked = connections[self.database].features.has_select_for_update_skip_locked and not wait
        due = self.due(now).filter(only).order_by(order or self.column)
        return list(due.select_for_update(of=("self",), skip_locked=skip_locked)[:limit])

    def _move_ahead(self, rows: Sequence[R], held_until: datetime) -> None:
        """Write the lease to the rows and to their objects. The objects keep `asked_by` and `due_since`."""
        claimed = self._rows().filter(pk__in=[row.pk for row in rows])
        claimed.update(**{self.column: held_until}, claims=F("claims") + 1, asked_by="")
        for row in rows:
            row.due_since = getattr(row, self.column)
            row.claims += 1
            setattr(row, self.column, held_until)

    def _finish(self, row: R, outcome: str, after: timedelta | None, errors: int) -> None:
        self.count(outcome)
        now = database_now(self.database)
        wait = self._until_requested(row, now) if row.asked_by and after is not None else after
        setattr(row, self.column, None if wait is None else now + wait)
        row.claims, row.errors = 0, errors
        row.asked_by = "" if wait is None else row.asked_by

    def _until_requested(self, row: Any, now: datetime) -> timedelta:
        requested_for = (row.requested_for if self.pace else None) or now
        return max(timedelta(0), requested_for - now)


def database_now(using: str = "default") -> datetime:
    """The database's time, for every comparison with a due time. SQLite uses this process's clock."""
    if connections[using].vendor == "sqlite":
        return timezone.now()
    with connections[using].cursor() as cursor:
        cursor.execute("SELECT statement_timestamp()")
        now: datetime = cursor.fetchone()[0]
    return now
