"""Declared once, a drop-in for Dramatiq's, and files that belong to the living."""

import os
import random
import re
import shutil
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from pathlib import Path

import dramatiq
import pytest
from dramatiq.middleware import prometheus
from prometheus_client import Gauge, Histogram
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.mmap_dict import MmapedDict, mmap_key
from prometheus_client.multiprocess import MultiProcessCollector

from actors.metrics import middleware
from config.health.server import serve
from config.hosts import CannotListen
from config.metrics import ended, files
from config.metrics.registry import CATALOGUE, READERS, REGISTRY, counter
from tests import forked
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


# --- ended processes -------------------------------------------------------------------------------------------------

NO_PROCESS = 10_000_000
"""Process ids from here on are larger than any system gives."""

Totals = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def counted(directory: Path, pid: int, number: random.Random) -> None:
    """A process has counted: a counter with two labels, a histogram, and a gauge of each mode."""
    for kind, name, label, values in (
        ("counter", "made_total", "kind", {"a": 1, "b": number.randrange(5)}),
        ("histogram", "took_bucket", "le", {"0.1": number.randrange(3), "+Inf": number.randrange(3)}),
        ("histogram", "took_sum", "", {"": number.random()}),
        ("gauge_max", "latest", "", {"": number.random()}),
        ("gauge_livesum", "busy", "", {"": 1}),
    ):
        file = MmapedDict(str(directory / f"{kind}_{pid}.db"))  # type: ignore[no-untyped-call]
        for value, amount in values.items():
            family = name.removesuffix("_total").removesuffix("_bucket").removesuffix("_sum")
            key = mmap_key(family, name, [label] if label else [], [value] if label else [], "Help.")
            file.write_value(key, float(amount) + file.read_value(key)[0], 0.0)  # type: ignore[no-untyped-call]
        file.close()  # type: ignore[no-untyped-call]


def totals(directory: Path) -> Totals:
    """What a scrape shows, but for the gauges that end with their process."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for metric in ended.CountsOfAll(directory).collect()
        for sample in metric.samples
        if metric.name != "busy"
    }


def without_merging(directory: Path) -> Totals:
    """What prometheus_client makes of the same files."""
    metrics = MultiProcessCollector.merge([str(path) for path in directory.glob("*.db")])  # type: ignore[no-untyped-call]
    samples = [sample for metric in metrics for sample in metric.samples if metric.name != "busy"]
    return {(sample.name, tuple(sorted(sample.labels.items()))): sample.value for sample in samples}


def assert_not_less(now: Totals, before: Totals) -> None:
    """Not even by the last bit."""
    assert [(key, before[key], now.get(key)) for key in before if now.get(key, -1.0) < before[key]] == []


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Where some processes count; its name is no pattern."""
    made = tmp_path / "a [1] *"
    made.mkdir()
    return made


def test_hundreds_of_ended_processes_leave_a_few_files_and_all_of_their_counts(directory: Path) -> None:
    """So a scrape is quick."""
    number = random.Random(7)
    every = directory.parent / "every"
    every.mkdir()
    counted(directory, os.getpid(), number)
    before = totals(directory)
    for pid in range(NO_PROCESS, NO_PROCESS + 400):
        counted(directory, pid, number)
        for kind in ended.KINDS:
            (every / f"{kind}_{pid}.db").hardlink_to(directory / f"{kind}_{pid}.db")
        if pid % 40 == 0:
            unmerged = totals(directory)
            ended.merge(directory)
            assert_not_less(totals(directory), unmerged)
            assert_not_less(unmerged, before)
            before = totals(directory)
    ended.merge(directory)
    for path in directory.glob("*.db"):
        (every / path.name).hardlink_to(path)

    assert totals(directory) == pytest.approx(without_merging(every), rel=1e-12)
    assert len(list(directory.rglob("*"))) < 16
    assert len(list(directory.glob("*.db"))) == 4  # of this process, which runs


CRASH = """
import os, sys
from pathlib import Path
from config.metrics import ended
directory, left = Path(os.environ["DIRECTORY"]), int(os.environ["STEPS"])

def hook(event, arguments):
    global left
    if event.split(".")[0] in ("open", "os", "shutil", "fcntl") and str(arguments[0]).startswith(str(directory)):
        left -= 1
        if left < 0:
            os._exit(9)

sys.addaudithook(hook)
ended.merge(directory)
"""


def test_a_merge_that_is_killed_at_any_step_loses_nothing_and_counts_nothing_twice(directory: Path) -> None:
    """The next one does the rest."""
    crashes = 0
    for steps in range(100):
        shutil.rmtree(directory)
        directory.mkdir()
        for pid in (NO_PROCESS, NO_PROCESS + 1):
            counted(directory, pid, random.Random(pid))
        ended.merge(directory)
        counted(directory, NO_PROCESS + 2, random.Random(2))
        counted(directory, os.getpid(), random.Random(3))
        before = totals(directory)
        if forked.run_code({"DIRECTORY": str(directory), "STEPS": str(steps)}, CRASH).returncode == 0:
            break
        crashes += 1
        assert totals(directory) == pytest.approx(before, rel=1e-12), steps
        ended.merge(directory)
        assert totals(directory) == pytest.approx(before, rel=1e-12), steps
        assert len(list(directory.glob("ended-*"))) == 1
        assert not list(directory.glob(f"*_{NO_PROCESS + 2}.db"))
    assert 10 < crashes < 99


def test_scrapes_during_merges_see_every_count_once(directory: Path) -> None:
    """They take no lock, and read again."""
    number = random.Random(5)
    counted(directory, os.getpid(), number)
    seen: list[float] = []
    over = threading.Event()

    def scrape() -> None:
        while not over.is_set():
            seen.append(totals(directory)["made_total", (("kind", "a"),)])

    scraper = threading.Thread(target=scrape)
    scraper.start()
    for pid in range(NO_PROCESS, NO_PROCESS + 100):
        counted(directory, pid, number)
        ended.merge(directory)
    over.set()
    scraper.join(HANG_S)

    assert seen == sorted(seen)
    assert seen[-1] <= 101 == totals(directory)["made_total", (("kind", "a"),)]


def test_a_new_process_with_an_old_id_counts_anew(directory: Path) -> None:
    """What the old one counted is kept."""
    for processes in range(1, 5):
        counted(directory, NO_PROCESS, random.Random(1))
        assert totals(directory)["made_total", (("kind", "a"),)] == processes
        ended.merge(directory)
        assert totals(directory)["made_total", (("kind", "a"),)] == processes


@pytest.mark.parametrize(
    "content", [b"", b"\0" * 100, b"\xff" * 100, b"\x30\0\0\0\0\0\0\0\x04\0\0\0\xff\xff\xff\xff" + b"\0" * 90]
)
def test_a_broken_file_does_not_end_the_one_that_merges(directory: Path, content: bytes) -> None:
    """It is the master of all."""
    counted(directory, NO_PROCESS, random.Random(1))
    (directory / f"counter_{NO_PROCESS + 1}.db").write_bytes(content)
    ended.merge(directory)


ENDING = """
import os
from config.metrics import files
directory = files.begin()
from config.metrics import ended
from config.metrics.registry import counter, gauge
made, busy = counter("made_total", "Made."), gauge("busy", "Busy.", of_several="livesum")
for _ in range(30):
    pid = os.fork()
    if not pid:
        made.inc()
        busy.inc()
        os._exit(0)
    os.waitpid(pid, 0)
    files.forget(pid)
values = {s.name: s.value for m in ended.CountsOfAll(directory).collect() for s in m.samples}
print(dict(sorted(values.items())), len(list(directory.glob("*.db"))))
"""


def test_real_processes_that_end_are_added_up(tmp_path: Path) -> None:
    """Their counts are kept, their gauges go, and the files left are the master's."""
    environment = {**os.environ, "METRICS_DIR": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", ENDING], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "{'busy': 0.0, 'made_total': 30.0} 2\n"


def test_every_kind_of_gauge_is_deleted_or_added_up() -> None:
    """Files of another kind would pile up."""
    modes = {each._multiprocess_mode for each in REGISTRY._names_to_collectors.values() if isinstance(each, Gauge)}
    assert [mode for mode in modes if not mode.startswith("live") and f"gauge_{mode}" not in ended.KINDS] == []


# --- the small server ------------------------------------------------------------------------------------------------


def get(url: str) -> tuple[int, bytes]:
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=HANG_S) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
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
