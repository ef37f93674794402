"""Schema changes that do not block customers, on both databases.

Django's own operations work on PostgreSQL only. Here they become the plain ones on SQLite, which has one writer anyway.
A migration with a concurrent operation says `atomic = False`.
"""

from typing import Any

from django.contrib.postgres import operations as postgres
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations.base import Operation


class _Gently(Operation):
    """PostgreSQL's operation on PostgreSQL, `plain` elsewhere."""

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
    """Builds an index without blocking writes."""

    plain = migrations.AddIndex


class RemoveIndexConcurrently(_Gently, postgres.RemoveIndexConcurrently):
    """Drops an index without blocking writes."""

    plain = migrations.RemoveIndex


class AddConstraintNotValid(_Gently, postgres.AddConstraintNotValid):
    """Adds a check constraint that holds for new rows only."""

    plain = migrations.AddConstraint


class ValidateConstraint(_Gently, postgres.ValidateConstraint):
    """Checks the existing rows; SQLite has checked them already."""

    plain = None
