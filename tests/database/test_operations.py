"""Schema changes beside a running shop, done and undone on the database of this run."""

from django.db import connection, models
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation

from config.database.operations import (
    AddConstraintNotValid,
    AddIndexConcurrently,
    RemoveIndexConcurrently,
    ValidateConstraint,
)

INDEX = models.Index(fields=["name"], name="order_by_name_for_a_test")
NAMED = models.CheckConstraint(condition=~models.Q(name="nobody"), name="order_named_for_a_test")


def constraints() -> set[str]:
    """Indexes and constraints of the table of orders."""
    with connection.cursor() as cursor:
        return set(connection.introspection.get_constraints(cursor, "commerce_order"))


def run(operation: Operation, *, back: bool = False) -> None:
    """One operation on its own, outside of a transaction."""
    before = MigrationLoader(connection).project_state()
    if isinstance(operation, RemoveIndexConcurrently | ValidateConstraint):
        before.add_index("commerce", "order", INDEX)
        before.add_constraint("commerce", "order", NAMED)
    after = before.clone()
    operation.state_forwards("commerce", after)
    with connection.schema_editor(atomic=connection.vendor != "postgresql") as editor:
        if back:
            operation.database_backwards("commerce", editor, after, before)
        else:
            operation.database_forwards("commerce", editor, before, after)


def test_an_index_comes_and_goes() -> None:
    """Concurrently where the database can, and the same way back."""
    run(AddIndexConcurrently("order", INDEX))
    assert INDEX.name in constraints()
    run(RemoveIndexConcurrently("order", INDEX.name))
    assert INDEX.name not in constraints()
    run(RemoveIndexConcurrently("order", INDEX.name), back=True)
    run(AddIndexConcurrently("order", INDEX), back=True)
    assert INDEX.name not in constraints()


def test_a_check_counts_at_once_and_is_validated_later() -> None:
    """In two steps, neither of which locks the table for a reading of it."""
    run(AddConstraintNotValid("order", NAMED))
    try:
        assert NAMED.name in constraints()
        run(ValidateConstraint("order", NAMED.name))
    finally:
        run(AddConstraintNotValid("order", NAMED), back=True)
    assert NAMED.name not in constraints()
