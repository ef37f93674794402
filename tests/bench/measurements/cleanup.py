"""The nightly cleanup of carts in a shop that is open."""

from collections.abc import Iterator
from pathlib import Path

from tests.bench.ground import on_postgres, results


def measure(var: Path, carts: int) -> Iterator[str]:
    """What an operator wants to know before letting it loose."""
    found = clean_up(var, carts)
    yield f"{found['carts']:,} carts with two products each, {found['deleted']:,} deleted, {found['kept']:,} kept:"
    yield f"  {'took':<38} {found['seconds']:.1f} s, {found['batches']} batches"
    yield f"  {'memory of the process before, peak':<38} {found['mb_before']:.0f} MB, {found['mb_peak']:.0f} MB"
    yield f"  {'longest transaction of a batch':<38} {1000 * found['longest_batch_s']:.0f} ms"
    yield f"  {'longest wait of a visitor, before':<38} {1000 * found['longest_wait_before_s']:.0f} ms"
    yield f"  {'longest wait of a visitor, during':<38} {1000 * found['longest_wait_s']:.0f} ms"


def clean_up(var: Path, carts: int) -> dict[str, float]:
    """One process cleans up on PostgreSQL, with its data on the disk as in production, while visitors use carts."""
    with on_postgres(var, "postgres") as given:
        [found] = results(given, "carts", carts)
    facts: dict[str, float] = found
    return facts
