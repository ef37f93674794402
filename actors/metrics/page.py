"""The page that Prometheus reads: what was counted, and what is read in this moment."""

import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import nullcontext

from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, CollectorRegistry, Metric, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector

from actors.metrics.timeouts import HANG_UP_S, one_reader, short_patience
from config.health.server import Response
from config.metrics import files
from config.metrics.registry import BROKER, DATABASE, READERS, REGISTRY, Reader, Value, reading

TOOK = reading("tillkeeper_reader_seconds", "How long it took to read these series just now.", "reader")
UP = reading("tillkeeper_reader_up", "1 if these series could be read just now, 0 if not.", "reader")

log = logging.getLogger(__name__)


def metrics_page(*sources: str) -> Response:
    """All that this process and its siblings have counted, and what is read from the `sources`."""
    whole = CollectorRegistry()
    _counted(whole)
    whole.register(_Read(sources))
    return 200, CONTENT_TYPE_PLAIN_0_0_4, generate_latest(whole)


def of_web() -> Response:
    """Beside the web's own: all that the database can tell, whoever else is alive."""
    return metrics_page(DATABASE)


def of_everything() -> Response:
    """The embedded mode is all of it in one process."""
    return metrics_page(DATABASE, BROKER)


class _Read:
    """A collector for prometheus_client."""

    def __init__(self, sources: tuple[str, ...]) -> None:
        self._sources = sources

    def collect(self) -> Iterator[Metric]:
        families: dict[str, GaugeMetricFamily] = {}
        for series, labels, value in self._values():
            if series.name not in families:
                families[series.name] = GaugeMetricFamily(series.name, series.help, labels=series.labels)
            families[series.name].add_metric(labels, value)
        yield from families.values()

    def _values(self) -> Iterator[Value]:
        for source in self._sources:
            with short_patience() if source == DATABASE else nullcontext():
                yield from _read_all({name: each for name, each in READERS.items() if each.source == source})


def _read_all(readers: Mapping[str, Reader]) -> Iterator[Value]:
    """One after the other; once a source has cost too much time, the others are not begun."""
    last_start = time.perf_counter() + HANG_UP_S
    for name, each in readers.items():
        started = time.perf_counter()
        values = _read(name, each) if started < last_start else None
        yield from values or ()
        yield TOOK, (name,), time.perf_counter() - started
        yield UP, (name,), float(values is not None)


def _counted(whole: CollectorRegistry) -> None:
    """Of several processes, or of this one."""
    if directory := files.current():
        MultiProcessCollector(whole, str(directory))  # type: ignore[no-untyped-call]
    else:
        whole.register(REGISTRY)


def _read(name: str, each: Reader) -> list[Value] | None:
    """None if it failed: what was counted must reach Prometheus all the same."""
    try:
        with one_reader() if each.source == DATABASE else nullcontext():
            return list(each.read())
    except Exception as error:
        log.warning("metrics.not_read", extra={"reader": name, "error": type(error).__name__})
        return None
