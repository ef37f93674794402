"""Operations that let customers go on while they work, on either database.

PostgreSQL's own know no other database; on SQLite, which has one writer anyway, they are the plain ones here. A
migration that does something concurrently says `atomic = False`.
"""

from typing import Any

from django.contrib.postgres import operations as postgres
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations.base import Operation


class _Gently(Operation):
    """Works as PostgreSQL's operation there, and elsewhere as `plain`."""

    plain: type[Operation] | None

    def database_forwards(self, app: str, editor: BaseDatabaseSchemaEditor, before: Any, after: Any) -> None:
        if editor.connection.vendor == "postgresql":
            super().database_forwards(app, editor, before, after)
        elif self.plain:
            self.plain.database_forwards(self, app, editor, before, after)

    def database_backwards(self, app: str, editor: BaseDatabaseSchemaEditor, before: Any, after: Any) -> None:
        if editor.connection.vendor == "postgresql":
            super().database_backwards(app, editor, before, after)
        elif self.plain:
            self.plain.database_backwards(self, app, editor, before, after)


class AddIndexConcurrently(_Gently, postgres.AddIndexConcurrently):
    """An index, built without stopping a write."""

    plain = migrations.AddIndex


class RemoveIndexConcurrently(_Gently, postgres.RemoveIndexConcurrently):
    """The index goes once nobody uses it."""

    plain = migrations.RemoveIndex


class AddConstraintNotValid(_Gently, postgres.AddConstraintNotValid):
    """A check constraint for what is written from now on."""

    plain = migrations.AddConstraint


class ValidateConstraint(_Gently, postgres.ValidateConstraint):
    """And for what was there before; SQLite has looked at it already."""

    plain = None
