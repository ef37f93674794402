"""Metrics: the one place where the rest of the house touches Prometheus.

What is *counted* where it happens is declared once, beside its domain (`billing/metrics.py`), by `counter`, `gauge` or
`histogram`. What is *read* when somebody looks is declared by `reading` and filled in by a function marked `@reader`.

Base units, and few labels, each with a closed list of values: never an id, never a text from outside. What happens in a
transaction is counted when that is committed (`transaction.on_commit`), so that the metrics agree with the tables.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics

# One series more for each, which files have no place for and nobody asks for.
disable_created_metrics()  # type: ignore[no-untyped-call]

SECONDS_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 3, 5, 10, 30, 60)
"""Buckets for what is over within a request or a message."""

WAIT_BUCKETS = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600, 4 * 3600, 24 * 3600)
"""Buckets, in seconds, for what takes as long as people do."""

DATABASE, BROKER = "database", "broker"

REGISTRY = CollectorRegistry()
"""What this process counts, unless several processes add it up in files (`config.metrics.files`)."""


@dataclass(frozen=True)
class Series:
    """A name in the catalogue."""

    name: str
    kind: str
    labels: tuple[str, ...]
    help: str


Value = tuple[Series, tuple[str, ...], float]
"""One number that was read, with the values of its labels."""


@dataclass(frozen=True)
class Reader:
    """Reads some series when somebody looks, from the `source`: the database, or the broker."""

    source: str
    read: Callable[[], Iterator[Value]]


CATALOGUE: dict[str, Series] = {}
"""Every series that was declared, by name."""

READERS: dict[str, Reader] = {}


def counter(name: str, text: str, *labels: str) -> Counter:
    """It only grows."""
    return Counter(_declare(name, "counter", labels, text), text, labels, registry=REGISTRY)


def gauge(name: str, text: str, *labels: str, of_several: str) -> Gauge:
    """It comes and goes; `of_several` is how processes make one number of theirs (`livesum`, `max`)."""
    declared = _declare(name, "gauge", labels, text)
    return Gauge(declared, text, labels, registry=REGISTRY, multiprocess_mode=of_several)  # type: ignore[arg-type]


def histogram(name: str, text: str, *labels: str, buckets: Sequence[float] = SECONDS_BUCKETS) -> Histogram:
    """How often which size came."""
    return Histogram(_declare(name, "histogram", labels, text), text, labels, registry=REGISTRY, buckets=buckets)


def reading(name: str, text: str, *labels: str) -> Series:
    """A gauge that a reader fills in."""
    return CATALOGUE[_declare(name, "gauge", labels, text)]


def reader(source: str) -> Callable[[Callable[[], Iterator[Value]]], Callable[[], Iterator[Value]]]:
    """Mark a function that yields values whenever somebody looks. It must be quick: everybody waits for it."""

    def mark(read: Callable[[], Iterator[Value]]) -> Callable[[], Iterator[Value]]:
        READERS[read.__name__] = Reader(source, read)
        return read

    return mark


def _declare(name: str, kind: str, labels: tuple[str, ...], text: str) -> str:
    """Raises ValueError for a name that is taken; to OpenMetrics `mails` and `mails_total` are the same."""
    if name.removesuffix("_total") in {taken.removesuffix("_total") for taken in CATALOGUE}:
        raise ValueError(f"the series {name} is declared twice")
    CATALOGUE[name] = Series(name, kind, labels, text)
    return name
