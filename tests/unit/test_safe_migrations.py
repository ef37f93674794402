"""Which schema changes may run beside the old code: one line for each operation, each with its reason."""

from typing import Any

import pytest
from django.contrib.postgres.operations import CreateExtension
from django.db import migrations, models
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ModelState, ProjectState

from config.database import operations as gentle
from config.database.safe_migrations import unsafe_migrations, unsafe_operations
from config.management.commands.checkmigrations import APPS

INDEX = models.Index(fields=["note"], name="order_by_note")
POSITIVE = models.CheckConstraint(condition=models.Q(total__gte=0), name="total_positive")
ONCE = models.UniqueConstraint(fields=["note"], name="note_once")


def nothing(_apps: Any, _editor: Any) -> None:
    """A data migration without data."""


def before() -> ProjectState:
    """A shop with orders."""
    state = ProjectState()
    fields: list[tuple[str, models.Field[Any, Any]]] = [
        ("id", models.BigAutoField(primary_key=True)),
        ("note", models.CharField(max_length=100)),
        ("total", models.IntegerField(null=True)),
        ("old", models.TextField()),
    ]
    state.add_model(ModelState("shop", "Order", fields, {"indexes": [], "constraints": []}))
    return state


def judged(*operations: Operation, **reviewed: str) -> list[str]:
    """What is said of a migration with these operations."""
    looked_at = {name.replace("__", " ").replace("_dot_", "."): why for name, why in reviewed.items()}
    kind = type("Migration", (migrations.Migration,), {"operations": operations, "reviewed": looked_at})
    migration = kind("0002_test", "shop")
    return [str(unsafe) for unsafe in unsafe_operations(migration, before(), "shop.0002_test")]


def add(field: "models.Field[Any, Any]") -> Operation:
    return migrations.AddField("order", "new", field)


def alter(name: str, field: "models.Field[Any, Any]") -> Operation:
    return migrations.AlterField("order", name, field)


REFUSED: dict[str, tuple[Operation, str]] = {
    "a table goes": (migrations.DeleteModel("Order"), "the old code still reads and writes it"),
    "a column goes": (migrations.RemoveField("order", "old"), "the old code still reads and writes it"),
    "a table is renamed": (migrations.RenameModel("Order", "Sale"), "uses the old name"),
    "a column is renamed": (migrations.RenameField("order", "old", "older"), "uses the old name"),
    "a table is called something else": (migrations.AlterModelTable("order", "sales"), "uses the old name"),
    "a column that must be filled in": (add(models.IntegerField(default=0)), "inserts rows without it"),
    "a column with an index": (add(models.IntegerField(null=True, db_index=True)), "index is built under a lock"),
    "a unique column": (add(models.IntegerField(null=True, unique=True)), "index is built under a lock"),
    "a column that points elsewhere": (
        add(models.ForeignKey("shop.order", models.CASCADE, null=True)),
        "index is built under a lock",
    ),
    "another type": (alter("total", models.BigIntegerField(null=True)), "type: the table may be rewritten"),
    "a shorter text": (alter("note", models.CharField(max_length=10)), "max_length: the table may be rewritten"),
    "a text that becomes unique": (alter("note", models.CharField(max_length=100, unique=True)), "unique: the table"),
    "a column under another name": (alter("old", models.TextField(db_column="older")), "db_column: the table"),
    "a column that must be filled in from now on": (alter("total", models.IntegerField()), "NOT NULL reads the whole"),
    "an index": (migrations.AddIndex("order", INDEX), "use AddIndexConcurrently"),
    "an index goes": (migrations.RemoveIndex("order", "order_by_note"), "use RemoveIndexConcurrently"),
    "a check": (migrations.AddConstraint("order", POSITIVE), "use AddConstraintNotValid"),
    "a unique constraint": (migrations.AddConstraint("order", ONCE), "make the unique index concurrently"),
    "unique together": (migrations.AlterUniqueTogether("order", {("note", "total")}), "write it as an index"),
    "code without a way back": (migrations.RunPython(nothing), "cannot be undone"),
    "SQL without a way back": (migrations.RunSQL("SELECT 1"), "cannot be undone"),
    "SQL": (migrations.RunSQL("SELECT 1", "SELECT 1"), "check its locks"),
    "an operation without a rule": (CreateExtension("shop"), "this check has no rule for this operation"),
    "hidden in a change of the state": (
        migrations.SeparateDatabaseAndState([migrations.AddIndex("order", INDEX)], []),
        "use AddIndexConcurrently",
    ),
}

TAKEN: dict[str, Operation] = {
    "a new table": migrations.CreateModel("Sale", [("id", models.BigAutoField(primary_key=True))]),
    "a column that may be empty": add(models.IntegerField(null=True)),
    "a column with a default of the database": add(models.IntegerField(default=0, db_default=0)),
    "a relation in a table of its own": add(models.ManyToManyField("shop.order")),
    "a longer text": alter("note", models.CharField(max_length=200)),
    "a text without an end": alter("note", models.CharField()),
    "a column that may be empty from now on": alter("note", models.CharField(max_length=100, null=True)),
    "another help text": alter("note", models.CharField(max_length=100, help_text="?", choices=[("a", "b")])),
    "another default": alter("old", models.TextField(default="x")),
    "a default of the database": alter("old", models.TextField(db_default="x")),
    "an index, concurrently": gentle.AddIndexConcurrently("order", INDEX),
    "an index goes, concurrently": gentle.RemoveIndexConcurrently("order", "order_by_note"),
    "a check that is not validated": gentle.AddConstraintNotValid("order", POSITIVE),
    "code with a way back": migrations.RunPython(nothing, migrations.RunPython.noop),
    "other options": migrations.AlterModelOptions("order", {"ordering": ["-id"]}),
    "a change of the state alone": migrations.SeparateDatabaseAndState([], [migrations.RemoveField("order", "old")]),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case: str) -> None:
    """With a sentence that says why, and what to do instead."""
    operation, why = REFUSED[case]
    [said] = judged(operation)

    assert said.startswith("shop.0002_test: ")
    assert why in said


@pytest.mark.parametrize("case", TAKEN)
def test_taken(case: str) -> None:
    """The old code does not notice."""
    assert judged(TAKEN[case]) == []


def test_a_table_that_the_migration_makes_itself_is_nobodys_yet() -> None:
    """Its indexes and constraints stop no one."""
    table = migrations.CreateModel(
        "Sale", [("id", models.BigAutoField(primary_key=True)), ("note", models.TextField())]
    )

    assert judged(table, migrations.AddIndex("sale", models.Index(fields=["note"], name="sale_by_note"))) == []


def test_each_operation_is_judged_by_what_the_ones_before_it_left() -> None:
    """A column that was just made longer cannot be made shorter again without a word."""
    longer, shorter = (alter("note", models.CharField(max_length=length)) for length in (300, 200))

    [said] = judged(longer, shorter)
    assert "max_length" in said


def test_who_has_looked_says_so_and_must_not_have_looked_for_nothing() -> None:
    """Operation by operation, with a reason; a reason that is empty is none."""
    gone = migrations.RemoveField("order", "old")

    assert judged(gone, RemoveField__order_dot_old="no code since 1.4 knows it") == []
    assert len(judged(gone, RemoveField__order_dot_old="")) == 1
    [said] = judged(gone, RemoveField__order_dot_old="no code knows it", RemoveField__order_dot_gone="neither")
    assert "but it is safe" in said


def test_the_migrations_of_this_release_are_safe() -> None:
    """What `manage.py checkmigrations` says, and every app of ours is looked at."""
    assert [str(unsafe) for unsafe in unsafe_migrations(APPS)] == []
