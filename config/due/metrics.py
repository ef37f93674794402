"""What is counted about claims: rows that were claimed, and what became of them, by kind of work."""

from functools import partial

from django.db import transaction

from config.metrics.registry import counter

CLAIMED_TOTAL = counter("tillkeeper_claims_total", "Rows that were claimed, by kind of work.", "work")
OUTCOMES_TOTAL = counter(
    "tillkeeper_outcomes_total",
    "What became of claimed rows: snoozed, left, put_off, done, released, claim_lost, failed, attention.",
    *("work", "outcome"),
)


def count_claimed(work: str, rows: int, database: str) -> None:
    """Rows of this kind that were claimed, once that is committed."""
    transaction.on_commit(partial(CLAIMED_TOTAL.labels(work).inc, rows), using=database)


def count_outcome(work: str, outcome: str, rows: int = 1, database: str = "default") -> None:
    """What became of claimed rows of this kind, once that is committed."""
    if rows:
        transaction.on_commit(partial(OUTCOMES_TOTAL.labels(work, outcome).inc, rows), using=database)
