"""What the history of jobs costs."""

from collections.abc import Iterator
from pathlib import Path

from tests.bench.ground import on_postgres, results, with_sandbox
from tests.bench.lines import figure

WORK = {"checks": "1,000 due payments, 50 ms provider", "jobs": "1,000 jobs that do nothing else"}


def measure(var: Path, rounds: int) -> Iterator[str]:
    """The same worker with the history and without, in turn, so that the machine's moods reach both alike."""
    with on_postgres(var) as given, with_sandbox(given):
        found = results(given, "history", 1000, rounds)
    yield f"One worker process with 8 threads on PostgreSQL, {rounds} pairs of rounds after one to warm up:"
    for name, what in WORK.items():
        pairs = [result for result in found if result["what"] == name]
        yield f" {what}:"
        yield figure("without history", [result["without_s"] for result in pairs], "s")
        yield figure("with history", [result["with_s"] for result in pairs], "s")
        yield figure("it costs", [100 * (result["with_s"] / result["without_s"] - 1) for result in pairs], "%")
    of_jobs = [result["with_s"] - result["without_s"] for result in found if result["what"] == "jobs"]
    yield figure("for each of these jobs", [1000 * seconds / 1000 for seconds in of_jobs], "ms")
