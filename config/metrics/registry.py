"""Metrics: the only module that declares Prometheus series.

A value that is *counted* where it happens is declared once, beside its domain (`billing/metrics.py`), by `counter`,
`gauge` or `histogram`. A value that is *read* at each scrape is declared by `reading` and yielded by a `@reader`.

Metrics use base units and few labels, each with a closed list of values: never an id, never a text from outside. Events
inside a transaction are counted after the commit (`transaction.on_commit`), so that metrics and tables agree.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics

# Leave out the `_created` series: files cannot hold it, and it is not used.
disable_created_metrics()  # type: ignore[no-untyped-call]

SECONDS_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 3, 5, 10, 30, 60)
"""Buckets for durations within a request or a message."""

WAIT_BUCKETS = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600, 4 * 3600, 24 * 3600)
"""Buckets, in seconds, for durations that depend on people."""

DATABASE, BROKER = "database", "broker"

REGISTRY = CollectorRegistry()
"""The counts of this process, unless several processes add them up in files (`config.metrics.files`)."""


@dataclass(frozen=True)
class Series:
    """One series in the catalogue."""

    name: str
    kind: str
    labels: tuple[str, ...]
    help: str


Value = tuple[Series, tuple[str, ...], float]
"""One value that was read, with the values of its labels."""


@dataclass(frozen=True)
class Reader:
    """Reads some series at each scrape from its `source`: the database or the broker."""

    source: str
    read: Callable[[], Iterator[Value]]


CATALOGUE: dict[str, Series] = {}
"""Every declared series, by name."""

READERS: dict[str, Reader] = {}


def counter(name: str, text: str, *labels: str) -> Counter:
    """A value that only grows."""
    return Counter(_declare(name, "counter", labels, text), text, labels, registry=REGISTRY)


def gauge(name: str, text: str, *labels: str, of_several: str) -> Gauge:
    """A value that goes up and down; `of_several` says how those of several processes combine (`livesum`, `max`)."""
    declared = _declare(name, "gauge", labels, text)
    return Gauge(declared, text, labels, registry=REGISTRY, multiprocess_mode=of_several)  # type: ignore[arg-type]


def histogram(name: str, text: str, *labels: str, buckets: Sequence[float] = SECONDS_BUCKETS) -> Histogram:
    """The distribution of a size, in buckets."""
    return Histogram(_declare(name, "histogram", labels, text), text, labels, registry=REGISTRY, buckets=buckets)


def reading(name: str, text: str, *labels: str) -> Series:
    """A gauge that a reader yields."""
    return CATALOGUE[_declare(name, "gauge", labels, text)]


def reader(source: str) -> Callable[[Callable[[], Iterator[Value]]], Callable[[], Iterator[Value]]]:
    """Mark a function that yields values at each scrape. It must be quick: the scrape waits for it."""

    def mark(read: Callable[[], Iterator[Value]]) -> Callable[[], Iterator[Value]]:
        READERS[read.__name__] = Reader(source, read)
        return read

    return mark


def _declare(name: str, kind: str, labels: tuple[str, ...], text: str) -> str:
    """Raises ValueError if the name is taken; to OpenMetrics `mails` and `mails_total` are the same."""
    if name.removesuffix("_total") in {taken.removesuffix("_total") for taken in CATALOGUE}:
        raise ValueError(f"the series {name} is declared twice")
    CATALOGUE[name] = Series(name, kind, labels, text)
    return name
