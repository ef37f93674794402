"""What the metrics cost."""

from collections.abc import Iterator
from pathlib import Path
from statistics import median

from tests.bench.ground import on_postgres, results, with_sandbox
from tests.bench.lines import figure, target

METRICS_PERCENT, LOOK_MS = 3, 100
"""So much of a check's processor time, and so long for a page with 1,000,000 payments behind it, at the most."""

PATIENCE = {"DATABASE_STATEMENT_TIMEOUT_S": "900"}
"""For writing down the 1,000,000."""


def measure(var: Path, rounds: int) -> Iterator[str]:
    """The same checks with and without metrics in turn, and pages over 1,000,000 payments on the disk."""
    with on_postgres(var, "metrics", **PATIENCE) as given, with_sandbox(given):
        ratios, pages = results(given, "metrics", rounds, 1_000_000)
    yield f"1,000 due payments, with and without metrics, {rounds} pairs after one to warm up:"
    for what, name in (("cpu_ms_per_check", "CPU per check, on top"), ("seconds", "wall time, on top")):
        yield figure(name, [100 * (ratio - 1) for ratio in ratios[what]], "%")
    yield "The same checks, each call of a metric timed by its thread's processor time:"
    calls = [100 * share for share in ratios["calls"]]
    yield figure("of the CPU of a check", calls, "%")
    yield target(f"at most {METRICS_PERCENT} % of CPU", median(calls) <= METRICS_PERCENT)
    yield "The page of the web, with 1,000,000 open payments:"
    for name, looks in pages.items():
        yield figure(name, looks["page"], "ms")
        yield figure("  of that PostgreSQL itself", looks["server"], "ms")
    slowest = max(median(looks["page"]) for looks in pages.values())
    yield target(f"at most {LOOK_MS} ms", slowest <= LOOK_MS)
