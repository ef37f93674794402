"""The page that Prometheus reads: the counted series, and the series read at each scrape.

The web shows it to permitted networks; workers and schedulers have a port for it (`actors.runtime.probes`).
"""

import logging
import time
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from ipaddress import ip_address
from itertools import chain

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, CollectorRegistry, Metric, generate_latest
from prometheus_client.core import GaugeMetricFamily

from actors.metrics.timeouts import HANG_UP_S, limited_waits, one_reader
from config.health.server import Response
from config.metrics import files
from config.metrics.ended import CountsOfAll
from config.metrics.registry import BROKER, DATABASE, READERS, REGISTRY, Reader, Value, reading
from config.web.networks import sender_of

READER_SECONDS = reading("tillkeeper_reader_seconds", "Duration of the last read of these series.", "reader")
READER_UP_GAUGE = reading("tillkeeper_reader_up", "1 if the last read of these series succeeded, else 0.", "reader")

log = logging.getLogger(__name__)


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """403 for strangers. In the embedded mode this page is that of workers and scheduler too."""
    if not _is_allowed(request):
        log.warning("metrics.refused", extra={"sender": request.META.get("REMOTE_ADDR", "")})
        return HttpResponse("Only networks in METRICS_ALLOWED may read this.\n", status=403, content_type="text/plain")
    status, content_type, body = metrics_page(DATABASE) if settings.BROKER_URL else metrics_page(DATABASE, BROKER)
    return HttpResponse(body, status=status, content_type=content_type)


def metrics_page(*sources: str) -> Response:
    """All counts of this process and its siblings, and the series read from `sources`."""
    whole = CollectorRegistry()
    if directory := files.current():
        whole.register(CountsOfAll(directory))
    else:
        whole.register(REGISTRY)
    whole.register(_Read(sources))
    return 200, CONTENT_TYPE_PLAIN_0_0_4, generate_latest(whole)


def _is_allowed(request: HttpRequest) -> bool:
    """An unknown proxy makes strangers look like neighbours: all have its address."""
    if request.headers.get("X-Forwarded-For") and not settings.TRUSTED_PROXIES:
        return False
    found = sender_of(request)
    return bool(found) and any(ip_address(found) in network for network in settings.METRICS_ALLOWED)


@dataclass(frozen=True)
class _Read:
    """A collector for prometheus_client."""

    sources: tuple[str, ...]

    def collect(self) -> Iterator[Metric]:
        families: dict[str, GaugeMetricFamily] = {}
        for series, labels, value in chain.from_iterable(map(_read_all, self.sources)):
            if series.name not in families:
                families[series.name] = GaugeMetricFamily(series.name, series.help, labels=series.labels)
            families[series.name].add_metric(labels, value)
        yield from families.values()


def _read_all(source: str) -> Iterator[Value]:
    """Read one after the other. When the source has used its time, its remaining readers are not started."""
    ours = {name: each for name, each in READERS.items() if each.source == source}
    with limited_waits() if source == DATABASE else nullcontext():
        last_start = time.perf_counter() + HANG_UP_S
        for name, each in ours.items():
            started = time.perf_counter()
            values = _read(name, each) if started < last_start else None
            yield from values or ()
            yield READER_SECONDS, (name,), time.perf_counter() - started
            yield READER_UP_GAUGE, (name,), float(values is not None)


def _read(name: str, each: Reader) -> list[Value] | None:
    """None if it failed: the counted series must reach Prometheus anyway."""
    try:
        with one_reader() if each.source == DATABASE else nullcontext():
            return list(each.read())
    except Exception as error:
        log.warning("metrics.not_read", extra={"reader": name, "error": type(error).__name__})
        return None
