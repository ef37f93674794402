"""Which migrations may run while the old code still serves customers, and why others may not.

A deploy migrates first and replaces processes afterwards, so for a while the old code reads and writes the new tables,
and the lock of a schema change is one that customers wait for. What is refused here is possible in steps: *expand* in
one release (new things, nullable or with a default of the database), *contract* in a later one.

A migration whose author knows better says so, operation by operation, and the check then insists that it is still true
that the check would refuse it:

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
"""Arguments of a field that the database never hears of."""

_INDEXED = "db_index"
"""An attribute of every field, which django-stubs does not know."""


@dataclass(frozen=True)
class Unsafe:
    """One operation that must not run beside the old code."""

    migration: str
    operation: str
    why: str

    def __str__(self) -> str:
        return f"{self.migration}: {self.operation}: {self.why}"


@dataclass
class _Past:
    """What is known before an operation: the models as they were, and the tables this migration itself has made."""

    app: str
    state: ProjectState
    created: set[str] = field(default_factory=set)

    def field(self, model: str, name: str) -> "models.Field[Any, Any]":
        """The field as it was."""
        found: models.Field[Any, Any] = self.state.models[self.app, model.lower()].fields[name]
        return found


def unsafe_migrations(apps: set[str]) -> list[Unsafe]:
    """Everything that is unsafe in the migrations of these apps; the first ones of an app make new tables, and are not
    looked at."""
    loader = MigrationLoader(None)
    found: list[Unsafe] = []
    for (app, name), migration in sorted(loader.disk_migrations.items()):
        if app in apps and not migration.initial:
            before = loader.project_state(list(migration.dependencies))
            found += unsafe_operations(migration, before, f"{app}.{name}")
    return found


def unsafe_operations(migration: migrations.Migration, before: ProjectState, name: str) -> list[Unsafe]:
    """What is unsafe in one migration, but for what its author has looked at; and what was looked at for nothing."""
    reviewed: dict[str, str] = getattr(migration, "reviewed", {})
    refused = dict(_refused(migration, before))
    found = [Unsafe(name, operation, why) for operation, why in refused.items() if not reviewed.get(operation)]
    return found + [
        Unsafe(name, operation, "it stands in `reviewed`, and nothing is wrong with it; take it away there")
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
    """What the database is told; a change of the state alone is none of its business."""
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
    for kind, judge in JUDGES.items():
        if isinstance(operation, kind):
            return judge(operation, past)
    return "nobody has said whether it is safe; look at what it does, and write the reason into `reviewed`"


def _is_gone(_operation: Operation, _past: _Past) -> str:
    return (
        "the old code still reads and writes it; release code that does not know it any more first (Django names every "
        "column of a model in each statement), and take it out of the database with the release after that"
    )


def _is_renamed(_operation: Operation, _past: _Past) -> str:
    return "the old code asks for the old name; add the new one, write both, fill it in, and remove the old one later"


def _adds_field(operation: migrations.AddField, _past: _Past) -> str | None:
    new = operation.field
    if new.many_to_many:
        return None
    if not new.null and new.db_default is NOT_PROVIDED:
        return "the old code inserts rows without it; make it nullable, or give it a `db_default`, not a `default`"
    if new.unique or getattr(new, _INDEXED, False):
        return "its index is built under a lock that stops every write; add the field, then the index concurrently"
    return None


def _alters_field(operation: migrations.AlterField, past: _Past) -> str | None:
    old, new = past.field(operation.model_name, operation.name), operation.field
    was, will_be = _column(old), _column(new)
    changed = {name for name in was.keys() | will_be.keys() if was.get(name) != will_be.get(name)}
    if _is_longer(old, new):
        changed.discard("max_length")
    if new.null:
        changed.discard("null")
    changed -= {"db_default", "db_comment"}
    if not changed:
        return None
    if changed == {"null"}:
        return (
            "NOT NULL reads the whole table under a lock, and the old code may still write nothing; add a check "
            "constraint with AddConstraintNotValid, validate it, and only then alter the field"
        )
    return f"{', '.join(sorted(changed))}: the table may be written anew under a lock; add another column instead"


def _column(one: "models.Field[Any, Any]") -> dict[str, Any]:
    """What of the field the database knows."""
    _name, path, _args, options = one.deconstruct()
    return {"type": path, **{name: value for name, value in options.items() if name not in IN_PYTHON_ONLY}}


def _is_longer(old: "models.Field[Any, Any]", new: "models.Field[Any, Any]") -> bool:
    return old.max_length is not None and (new.max_length is None or new.max_length >= old.max_length)


def _adds_index(_operation: Operation, _past: _Past) -> str:
    return (
        "it stops every write to the table while it is built; use AddIndexConcurrently of config.operations, in a "
        "migration with `atomic = False`"
    )


def _removes_index(_operation: Operation, _past: _Past) -> str:
    return "it waits for a lock with everybody waiting behind it; use RemoveIndexConcurrently of config.operations"


def _adds_constraint(operation: migrations.AddConstraint, _past: _Past) -> str:
    if isinstance(operation.constraint, models.CheckConstraint):
        return (
            "it reads the whole table under a lock; use AddConstraintNotValid and, in a later migration, "
            "ValidateConstraint, both of config.operations"
        )
    return "its index is built under a lock that stops every write; make the unique index concurrently in RunSQL"


def _adds_together(_operation: Operation, _past: _Past) -> str:
    return "its index is built under a lock that stops every write; write it as an index or a constraint instead"


def _runs_code(operation: migrations.RunPython | migrations.RunSQL, _past: _Past) -> str | None:
    if not operation.reversible:
        return "it cannot be taken back when the release is; give it a reverse, if need be a noop"
    if isinstance(operation, migrations.RunSQL):
        return "a program cannot read what it does; look at its locks, and write the reason into `reviewed`"
    return None


JUDGES: dict[type[Operation], Callable[[Any, _Past], str | None]] = {
    migrations.DeleteModel: _is_gone,
    migrations.RemoveField: _is_gone,
    migrations.RenameModel: _is_renamed,
    migrations.RenameField: _is_renamed,
    migrations.AlterModelTable: _is_renamed,
    migrations.AddField: _adds_field,
    migrations.AlterField: _alters_field,
    migrations.AddIndex: _adds_index,
    migrations.RemoveIndex: _removes_index,
    migrations.AddConstraint: _adds_constraint,
    migrations.AlterUniqueTogether: _adds_together,
    migrations.AlterIndexTogether: _adds_together,
    migrations.RunPython: _runs_code,
    migrations.RunSQL: _runs_code,
}
"""The first that fits judges."""
