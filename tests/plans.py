"""How the database would read the rows of a query: along an index in its order, or by its conditions alone.

PostgreSQL chooses by what it knows of the table and by the length of its files. VACUUM shortens a table that earlier
tests have filled, but not its indexes: 3,300 rows were read rather than an index with 300 rows in 233 pages. So these
tests ask if an index *can* answer: all other ways are forbidden, and stand in the plan only if there is no index. Which
way the planner takes with a million rows is measured (`tests/million.py`).
"""

from typing import Any

from django.db import connection, transaction
from django.db.models import QuerySet

ALONG = ("seqscan", "bitmapscan", "sort")
"""Forbidden where the index also gives the order. Rows with one value may still be sorted among themselves."""

BY_CONDITIONS = ("seqscan", "indexscan")
"""Forbidden where several indexes answer together, in no order: a walk along the primary key would be an index scan."""


def plan(rows: "QuerySet[Any, Any] | str", forbidden: tuple[str, ...] = ALONG, only: str = "") -> str:
    """The steps of a query, a line each. What is forbidden holds for this question only.

    With `only`, its table has no other index: the plan names this one if it can answer, whatever else could.
    """
    sql, params = (rows, None) if isinstance(rows, str) else rows.query.sql_with_params()
    is_postgres = connection.vendor == "postgresql"
    with transaction.atomic(), connection.cursor() as cursor:
        for way in forbidden if is_postgres else ():
            cursor.execute(f"SET LOCAL enable_{way} = off")
        if only:
            (_hide_on_postgres if is_postgres else _hide_on_sqlite)(cursor, only)
        cursor.execute(f"{'EXPLAIN' if is_postgres else 'EXPLAIN QUERY PLAN'} {sql}", params)
        steps = "\n".join(line[-1] for line in cursor.fetchall())
        transaction.set_rollback(True)
    return steps


def _hide_on_postgres(cursor: Any, only: str) -> None:
    """The planner passes over an index that is not valid. That of the primary key cannot be dropped."""
    cursor.execute(
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid <> %(only)s::regclass"
        " AND indrelid = (SELECT indrelid FROM pg_index WHERE indexrelid = %(only)s::regclass)",
        {"only": only},
    )


def _hide_on_sqlite(cursor: Any, only: str) -> None:
    """Those of unique columns, and the primary key, cannot be dropped."""
    cursor.execute(
        "SELECT name FROM sqlite_master WHERE type = 'index' AND sql <> '' AND name <> %(only)s"
        " AND tbl_name = (SELECT tbl_name FROM sqlite_master WHERE name = %(only)s)",
        {"only": only},
    )
    for (name,) in cursor.fetchall():
        cursor.execute(f'DROP INDEX "{name}"')


def reads_whole_table(steps: str) -> bool:
    """From its beginning to its end? SQLite does so along the key, too."""
    if connection.vendor == "postgresql":
        return "Seq Scan" in steps
    return any(line.startswith("SCAN") and " USING " not in line for line in steps.splitlines())


def sorts(steps: str) -> bool:
    """All that was found, and not only rows with the same value among themselves?"""
    if connection.vendor == "postgresql":
        return "Sort  (" in steps.replace("Incremental Sort", "")
    return "TEMP B-TREE FOR ORDER" in steps
