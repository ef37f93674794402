"""1,000 due payments: how soon has one worker process looked at all of them?"""

from collections.abc import Iterator
from pathlib import Path

from tests.bench.ground import on_postgres, results, with_sandbox
from tests.bench.lines import figure


def measure(var: Path, rounds: int) -> Iterator[str]:
    """On PostgreSQL; the provider is another process."""
    with on_postgres(var) as given, with_sandbox(given):
        found = results(given, "checks", 1000, rounds + 1)[1:]  # the first round warms up
    yield f"1,000 due payments, 50 ms provider, one process, {rounds} rounds after one to warm up:"
    yield figure("seconds", [result["seconds"] for result in found], "s")
    yield figure("CPU of the worker per check", [result["cpu_ms_per_check"] for result in found], "ms")
