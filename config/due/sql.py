"""Outcomes for high volumes, each in one UPDATE of our own.

Django's bulk_update builds a CASE per row and column, about ten times the work for a batch of fifty. Locking, reading
and saving a row takes three statements where one will do. The due column of a claimed row is the fence in all of them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from django.db import connections, models
from django.db.backends.base.base import BaseDatabaseWrapper

Triple = tuple[int, datetime | None, datetime]
"""One claimed row: its key, the due time that the claim wrote, and the new value."""


@dataclass(frozen=True)
class Statements:
    """The statements for a model with this due column, in the database of this alias."""

    model: type[models.Model]
    column: str
    using: str

    def finish(self, pk: int, held: datetime | None, done_at: str | None, outcome: Mapping[str, Any]) -> bool:
        """Write the outcome, clear the due time, and set `done_at` to now. Was the row still held?"""
        adapted = self._connection.ops.adapt_datetimefield_value(held)
        return bool(self._execute(self._finish_sql(done_at, *outcome), [*outcome.values(), pk, adapted]))

    def release(self, rows: Sequence[Triple]) -> int:
        """Make rows due as they were and take back the claim. Returns how many were still held."""
        return self._update_each(f"{self._due} = batch.column3, claims = claims - 1", rows)

    def snooze(self, rows: Sequence[Triple]) -> int:
        """Make rows due at their next appointment, or at once if asked for. Returns how many were still held."""
        sooner = f"CASE WHEN asked_by <> '' THEN {self._now} ELSE batch.column3 END"
        return self._update_each(f"{self._due} = {sooner}, claims = 0, errors = 0", rows)

    @cache  # noqa: B019 (there is one for each kind of work)
    def _finish_sql(self, done_at: str | None, *names: str) -> str:
        moment = [f"{self._quoted(done_at)} = {self._now}"] if done_at else []
        columns = [f"{self._quoted(name)} = %s" for name in names]
        return (
            f"UPDATE {self._table} SET {', '.join([*columns, *moment])}, "  # noqa: S608 (our own names, no values)
            f"{self._due} = NULL, claims = 0, errors = 0, asked_by = '' WHERE {self._key} = %s AND {self._due} = %s"
        )

    def _update_each(self, outcome: str, rows: Sequence[Triple]) -> int:
        """Update many rows in one statement, each with its own values."""
        if not rows:
            return 0
        cast = "CAST(%s AS timestamptz)" if self._connection.vendor == "postgresql" else "%s"
        values = ", ".join([f"(%s, {cast}, {cast})"] * len(rows))
        sql = (
            f"UPDATE {self._table} SET {outcome} FROM (VALUES {values}) AS batch "  # noqa: S608 (our own names, no values)
            f"WHERE {self._table}.{self._key} = batch.column1 AND {self._due} = batch.column2"
        )
        adapt = self._connection.ops.adapt_datetimefield_value
        return self._execute(sql, [value for pk, *moments in rows for value in (pk, *map(adapt, moments))])

    def _execute(self, sql: str, values: list[Any]) -> int:
        with self._connection.cursor() as cursor:
            cursor.execute(sql, values)
            return int(cursor.rowcount)

    @property
    def _connection(self) -> BaseDatabaseWrapper:
        return connections[self.using]

    @property
    def _table(self) -> str:
        return self._quoted(self.model._meta.db_table)

    @property
    def _key(self) -> str:
        return self._quoted(self.model._meta.pk.column or "")

    @property
    def _due(self) -> str:
        return self._quoted(self.column)

    @property
    def _now(self) -> str:
        postgresql = self._connection.vendor == "postgresql"
        return "statement_timestamp()" if postgresql else "strftime('%%Y-%%m-%%d %%H:%%M:%%f', 'now')"

    def _quoted(self, name: str) -> str:
        return self._connection.ops.quote_name(name)
