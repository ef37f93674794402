"""Counters of claims: the rows claimed and their outcomes, by kind of work."""

from functools import partial

from django.db import transaction

from config.metrics.registry import counter

CLAIMED_TOTAL = counter("tillkeeper_claims_total", "Rows that were claimed, by kind of work.", "work")
OUTCOMES_TOTAL = counter(
    "tillkeeper_outcomes_total",
    "Outcomes of claimed rows: snoozed, left, put_off, done, released, claim_lost, failed, attention.",
    *("work", "outcome"),
)


def count_claimed(work: str, rows: int, database: str) -> None:
    """Count claimed rows of this kind when the transaction commits."""
    transaction.on_commit(partial(CLAIMED_TOTAL.labels(work).inc, rows), using=database)


def count_outcome(work: str, outcome: str, rows: int = 1, database: str = "default") -> None:
    """Count outcomes of claimed rows of this kind when the transaction commits."""
    if rows:
        transaction.on_commit(partial(OUTCOMES_TOTAL.labels(work, outcome).inc, rows), using=database)
