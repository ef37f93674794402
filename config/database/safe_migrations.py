"""Checks that migrations are safe while the old code still serves customers, and says why others are not.

A deploy migrates first and replaces processes afterwards. For a while the old code reads and writes the new tables, and
customers wait for the lock of a schema change. A refused change is possible in steps: *expand* in one release (new
things, nullable or with a default of the database), *contract* in a later one.

An author who has reviewed an operation writes the reason down. The check then insists that the entry is still needed:

    class Migration(migrations.Migration):
        reviewed = {"RemoveField order.note": "no code since 1.4 reads or writes it"}
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.contrib.postgres import operations as postgres
from django.db import migrations, models
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState
from django.db.models.fields import NOT_PROVIDED

HARMLESS = (
    migrations.AlterModelOptions,
    migrations.AlterModelManagers,
    migrations.AlterModelTableComment,
    migrations.RemoveConstraint,
    postgres.AddIndexConcurrently,
    postgres.RemoveIndexConcurrently,
    postgres.AddConstraintNotValid,
    postgres.ValidateConstraint,
)

IN_PYTHON_ONLY = {*models.Field.non_db_attrs, "default", "auto_now", "auto_now_add"} - {"db_column"}
"""Arguments of a field that the database does not know."""


@dataclass
class _Past:
    """The models before an operation, and the tables that this migration itself creates."""

    app: str
    state: ProjectState
    created: set[str] = field(default_factory=set)


def unsafe_migrations(apps: set[str]) -> list[str]:
    """A line for each unsafe operation in the migrations of these apps.

    Initial migrations only create tables, so they pass.
    """
    loader = MigrationLoader(None)
    found: list[str] = []
    for (app, name), migration in sorted(loader.disk_migrations.items()):
        if app in apps and not migration.initial:
            # The user model's migration is named `__first__`, because a project may have its own.
            needed = [key for each in migration.dependencies if (key := loader.check_key(each, app))]
            before = loader.project_state(needed)
            found += unsafe_operations(migration, before, f"{app}.{name}")
    return found


def unsafe_operations(migration: migrations.Migration, before: ProjectState, name: str) -> list[str]:
    """The unsafe operations of one migration that its author has not reviewed, and reviews that are not needed."""
    reviewed: dict[str, str] = getattr(migration, "reviewed", {})
    refused = dict(_refused(migration, before))
    found = [f"{name}: {operation}: {why}" for operation, why in refused.items() if not reviewed.get(operation)]
    return found + [
        f"{name}: {operation}: it is in `reviewed`, but it is safe; remove the entry"
        for operation in reviewed.keys() - refused.keys()
    ]


def _refused(migration: migrations.Migration, before: ProjectState) -> Iterator[tuple[str, str]]:
    past = _Past(migration.app_label, before.clone())
    for operation in migration.operations:
        for part in _parts(operation):
            if why := _why_not(part, past):
                yield _described(part), why
            if isinstance(part, migrations.CreateModel):
                past.created.add(part.name_lower)
        operation.state_forwards(migration.app_label, past.state)


def _parts(operation: Operation) -> Sequence[Operation]:
    """The operations that reach the database; changes of the state alone are left out."""
    return operation.database_operations if isinstance(operation, migrations.SeparateDatabaseAndState) else [operation]


def _described(operation: Operation) -> str:
    """Like `RemoveField order.note`."""
    parts = [getattr(operation, name, "") for name in ("model_name_lower", "name_lower")]
    return f"{type(operation).__name__} {'.'.join(filter(None, parts))}".strip()


def _why_not(operation: Operation, past: _Past) -> str | None:
    """The reason to refuse it; None if it is safe."""
    table = getattr(operation, "model_name_lower", getattr(operation, "name_lower", ""))
    if isinstance(operation, (migrations.CreateModel, *HARMLESS)) or table in past.created:
        return None
    for kind, rule in RULES.items():
        if isinstance(operation, kind):
            return rule if isinstance(rule, str) else rule(operation, past)
    return "this check has no rule for this operation; check its locks, and write the reason into `reviewed`"


def _adds_field(operation: migrations.AddField, _past: _Past) -> str | None:
    new: Any = operation.field
    if new.many_to_many:
        return None
    if not new.null and new.db_default is NOT_PROVIDED:
        return "the old code inserts rows without it; make it nullable, or give it a `db_default`, not a `default`"
    if new.unique or new.db_index:
        return "its index is built under a lock that stops every write; add the field, then the index concurrently"
    return None


def _alters_field(operation: migrations.AlterField, past: _Past) -> str | None:
    old = past.state.models[past.app, operation.model_name_lower].fields[operation.name]
    new = operation.field
    was, will_be = _column(old), _column(new)
    changed = {name for name in was.keys() | will_be.keys() if was.get(name) != will_be.get(name)}
    changed -= {"db_default", "db_comment"} | ({"max_length"} if _is_longer(old, new) else set())
    changed -= {"null"} if new.null else set()
    if changed == {"null"}:
        return (
            "NOT NULL reads the whole table under a lock, and the old code may still write nothing; add a check "
            "constraint with AddConstraintNotValid, validate it, and only then alter the field"
        )
    rewritten = "the table may be rewritten under a lock; add another column instead"
    return f"{', '.join(sorted(changed))}: {rewritten}" if changed else None


def _column(one: "models.Field[Any, Any]") -> dict[str, Any]:
    """The part of the field that the database knows."""
    _name, path, _args, options = one.deconstruct()
    return {"type": path, **{name: value for name, value in options.items() if name not in IN_PYTHON_ONLY}}


def _is_longer(old: "models.Field[Any, Any]", new: "models.Field[Any, Any]") -> bool:
    return old.max_length is not None and (new.max_length is None or new.max_length >= old.max_length)


def _adds_constraint(operation: migrations.AddConstraint, _past: _Past) -> str:
    if isinstance(operation.constraint, models.CheckConstraint):
        return (
            "it reads the whole table under a lock; use AddConstraintNotValid and, in a later migration, "
            "ValidateConstraint, both of config.database.operations"
        )
    return "its index is built under a lock that stops every write; make the unique index concurrently in RunSQL"


def _runs_code(operation: migrations.RunPython | migrations.RunSQL, _past: _Past) -> str | None:
    if not operation.reversible:
        return "it cannot be undone when the release is; give it a reverse, a noop if nothing is to be undone"
    if isinstance(operation, migrations.RunSQL):
        return "this check cannot read SQL; check its locks, and write the reason into `reviewed`"
    return None


GONE = (
    "the old code still reads and writes it; first release code that does not use it (Django names every column of a "
    "model in each statement), and remove it from the database with the next release"
)
RENAMED = "the old code uses the old name; add the new one, write both, fill it in, and remove the old one later"
INDEXED = "its index is built under a lock that stops every write; write it as an index or a constraint instead"

RULES: dict[type[Operation], str | Callable[[Any, _Past], str | None]] = {
    migrations.DeleteModel: GONE,
    migrations.RemoveField: GONE,
    migrations.RenameModel: RENAMED,
    migrations.RenameField: RENAMED,
    migrations.AlterModelTable: RENAMED,
    migrations.AddField: _adds_field,
    migrations.AlterField: _alters_field,
    migrations.AddIndex: (
        "it stops every write to the table while it is built; use AddIndexConcurrently of config.database.operations, "
        "in a migration with `atomic = False`"
    ),
    migrations.RemoveIndex: (
        "its lock blocks all other queries; use RemoveIndexConcurrently of config.database.operations"
    ),
    migrations.AddConstraint: _adds_constraint,
    migrations.AlterUniqueTogether: INDEXED,
    migrations.AlterIndexTogether: INDEXED,
    migrations.RunPython: _runs_code,
    migrations.RunSQL: _runs_code,
}
"""The reason to refuse an operation, or the function that finds it. The first matching kind counts."""
