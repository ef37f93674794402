"""Declared once, a drop-in for Dramatiq's, and files that belong to the living."""

import os
import re
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import dramatiq
import pytest
from dramatiq.middleware import prometheus
from prometheus_client import Histogram
from prometheus_client.metrics import MetricWrapperBase

from actors.metrics import middleware
from config.health.server import serve
from config.hosts import CannotListen
from config.metrics import files
from config.metrics.registry import CATALOGUE, READERS, counter
from tests.stack.ports import HANG_S, LOOPBACK, free_port, wait_until

BEGIN = "from config.metrics import files; files.begin(); print('begun', flush=True); import time; time.sleep(60)"


# --- declared --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["tillkeeper_nudges_total", "tillkeeper_nudges"])
def test_a_name_is_given_once(name: str) -> None:
    """With and without its ending it is the same one to OpenMetrics."""
    with pytest.raises(ValueError, match="declared twice"):
        counter(name, "Again.")


def test_names_and_labels_are_in_base_units_and_without_ids() -> None:
    """As Prometheus advises; Dramatiq's own are as they are."""
    ours = {name: series for name, series in CATALOGUE.items() if name.startswith("tillkeeper_")}
    assert CATALOGUE.keys() - ours.keys() == {name for name in CATALOGUE if name.startswith("dramatiq_")}
    for name, series in ours.items():
        assert not re.search("_(ms|millis|minutes|percent)", name), name
        assert (series.kind == "counter") == name.endswith("_total"), name
        assert not set(series.labels) & {"id", "pid", "payment", "order", "message_id", "error"}, name
        assert len(series.labels) <= 3, name


def test_readers_belong_to_a_source() -> None:
    """A page asks for those of the sources it names."""
    assert {each.source for each in READERS.values()} == {"database", "broker"}


def test_dashboards_of_the_stock_middleware_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every series of it is here, with its kind, labels and buckets."""
    for name in ("PROMETHEUS_MULTIPROC_DIR", "prometheus_multiproc_dir"):
        monkeypatch.setenv(name, "")  # the stock middleware sets them for good
    stock = prometheus.Prometheus()
    stock.after_process_boot(dramatiq.get_broker())  # type: ignore[no-untyped-call]
    theirs = [each for each in vars(stock).values() if isinstance(each, MetricWrapperBase)]
    ours = {each._name: each for each in vars(middleware).values() if isinstance(each, MetricWrapperBase)}
    assert len(theirs) == 7
    for each in theirs:
        mine = ours[each._name]
        assert (type(mine), mine._labelnames) == (type(each), each._labelnames)
        if isinstance(each, Histogram):
            assert isinstance(mine, Histogram)
            assert mine._upper_bounds == each._upper_bounds


# --- files -----------------------------------------------------------------------------------------------------------


def test_a_directory_is_kept_while_its_processes_live_and_removed_by_the_next(tmp_path: Path) -> None:
    """However they ended; process ids are not asked, they mean nothing across containers."""
    environment = {**os.environ, "METRICS_DIR": str(tmp_path)}
    with subprocess.Popen([sys.executable, "-c", BEGIN], env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "begun\n"
        [directory] = [path for path in tmp_path.iterdir() if path.is_dir()]

        files.remove_left_over(tmp_path)
        assert directory.exists()

        process.kill()
        process.wait()
    files.remove_left_over(tmp_path)
    assert not directory.exists()


def test_a_process_that_serves_alone_counts_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody has begun a directory for it."""
    monkeypatch.delenv(files.VARIABLE, raising=False)
    assert files.current() is None
    files.forget(1)


# --- the small server ------------------------------------------------------------------------------------------------


def get(url: str) -> tuple[int, bytes]:
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=HANG_S) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def test_the_small_server_answers_its_routes_and_survives_them() -> None:
    """One that fails is a 500, and the next question is answered."""
    routes = {"/good": lambda: (200, "text/plain", b"good\n"), "/bad": lambda: 1 / 0}
    server = serve(LOOPBACK, port := free_port(), routes)  # type: ignore[arg-type]
    try:
        assert get(f"http://{LOOPBACK}:{port}/bad")[0] == 500
        assert get(f"http://{LOOPBACK}:{port}/good?from=prometheus") == (200, b"good\n")
        assert get(f"http://{LOOPBACK}:{port}/other")[0] == 404
    finally:
        server.shutdown()
        server.server_close()


def test_somebody_who_says_nothing_holds_up_nobody() -> None:
    """Each question has a thread of its own."""
    server = serve(LOOPBACK, port := free_port(), {"/good": lambda: (200, "text/plain", b"good\n")})
    try:
        with socket.create_connection((LOOPBACK, port)):
            wait_until(lambda: get(f"http://{LOOPBACK}:{port}/good")[0] == 200, "it answered")
    finally:
        server.shutdown()
        server.server_close()


def test_an_address_that_is_taken_is_an_error() -> None:
    """The caller decides what that means."""
    with socket.create_server((LOOPBACK, 0)) as taken, pytest.raises(CannotListen):
        serve(LOOPBACK, taken.getsockname()[1], {})


@pytest.mark.parametrize(("host", "reached"), [("::1", ["[::1]"]), ("::", ["[::1]", LOOPBACK])])
def test_the_small_server_answers_on_ipv6(host: str, reached: list[str]) -> None:
    """On `::`, IPv4 too."""
    server = serve(host, port := free_port(), {"/good": lambda: (200, "text/plain", b"good\n")})
    try:
        assert {get(f"http://{each}:{port}/good") for each in reached} == {(200, b"good\n")}
    finally:
        server.shutdown()
        server.server_close()
