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


def plan(rows: "QuerySet[Any, Any] | str", forbidden: tuple[str, ...] = ALONG) -> str:
    """The steps of a query, a line each. What is forbidden holds for this question only."""
    sql, params = (rows, None) if isinstance(rows, str) else rows.query.sql_with_params()
    is_postgres = connection.vendor == "postgresql"
    with transaction.atomic(), connection.cursor() as cursor:
        for way in forbidden if is_postgres else ():
            cursor.execute(f"SET LOCAL enable_{way} = off")
        cursor.execute(f"{'EXPLAIN' if is_postgres else 'EXPLAIN QUERY PLAN'} {sql}", params)
        steps = "\n".join(line[-1] for line in cursor.fetchall())
        transaction.set_rollback(True)
    return steps


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
