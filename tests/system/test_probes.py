"""What worker, scheduler and web tell whoever watches them, while they and their services are killed and frozen."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import requests

from tests.stack.ports import LOOPBACK, LOOPBACK_IPV6, free_port, on_ipv6, wait_until
from tests.stack.processes import Program
from tests.stack.systemd import Notified, listening
from tests.system.house import COMMANDS, QUEUES, ROOT, START_S, House, http

WATCHDOG_S = 3.0
STALL_LIMIT_S = 5
NOTICED_S = 40.0
"""Patience until something is noticed that takes STALL_LIMIT_S, or two heartbeats, and a busy machine."""


class Watched:
    """A part of the house with a watchdog behind it and a port to ask."""

    def __init__(self, program: Program, url: str, systemd: Notified) -> None:
        self.program, self.url, self.systemd = program, url, systemd

    def status(self, path: str) -> int:
        """The answer to a probe; 0: none."""
        try:
            return self.answer(path).status_code
        except requests.RequestException:
            return 0

    def problems(self, path: str = "/readyz") -> list[str]:
        """What the answer names."""
        return list(self.answer(path).json()["problems"])

    def answer(self, path: str) -> requests.Response:
        """Whatever it is."""
        return http().get(self.url + path, timeout=NOTICED_S)

    def wait_until_silent(self) -> None:
        """systemd would end the service now."""
        wait_until(lambda: self.systemd.silent_s() > WATCHDOG_S, "there was no sign of life any more", NOTICED_S)

    def wait_for_a_sign_of_life(self) -> None:
        """One that comes after this."""
        self.systemd.forget()
        self.systemd.wait_for("WATCHDOG=1", NOTICED_S)

    def wait_until_it_answers(self, path: str, status: int) -> None:
        """Once this is so."""
        wait_until(lambda: self.status(path) == status, f"{path} answered {status}", NOTICED_S)


@contextmanager
def watched(house: House, name: str, command: list[str] | None = None, **changes: str) -> Iterator[Watched]:
    """One part of the house as systemd runs it: with a watchdog."""
    port = free_port()
    with listening() as systemd:
        environment = {
            **house.environment,
            **systemd.environment(WATCHDOG_S),
            "BROKER_URL": f"{house.rabbitmq.url}?heartbeat=2",
            "STALL_LIMIT_S": str(STALL_LIMIT_S),
            "METRICS_PORT": str(port),
            "SCHEDULER_METRICS_PORT": str(port),
            **changes,
        }
        url = house.url if name == "web" else f"http://{LOOPBACK}:{port}"
        log = house.directory / f"watched-{name}-{port}.log"
        program = Program(name, command or COMMANDS[name](house), environment, ROOT, log)
        with program:
            yield Watched(program, url, systemd)


def sick(house: House, illness: str) -> Iterator[Watched]:
    """A worker that will fall ill."""
    with watched(house, "worker", [sys.executable, "-m", "tests.system.sick_worker", illness]) as worker:
        worker.systemd.wait_for("READY=1", START_S)
        yield worker


# --- worker ----------------------------------------------------------------------------------------------------------


def test_a_worker_is_ready_when_it_consumes(house: House) -> None:
    """A worker without its broker says READY only once consumers are attached; it lives all the same."""
    house.rabbitmq.freeze()
    try:
        with watched(house, "worker") as worker:
            worker.systemd.wait_for_status("waiting: queues", START_S)
            assert (worker.status("/healthz"), worker.status("/readyz")) == (200, 503)
            assert "READY=1" not in worker.systemd.words

            house.rabbitmq.thaw()
            worker.systemd.wait_for("READY=1", START_S)

            queues = [queue for queue in QUEUES if not queue.endswith("XQ")]
            wait_until(
                lambda: all(house.consumers(queue) for queue in queues), "the broker knew its consumers", NOTICED_S
            )
            worker.wait_until_it_answers("/readyz", 200)
            assert worker.status("/healthz") == 200
    finally:
        house.rabbitmq.thaw()


def test_a_worker_is_watched_on_ipv6_and_consumes_over_it(house: House) -> None:
    """On `::` the probes answer IPv4 too."""
    with on_ipv6(house.rabbitmq.port) as port:
        broker = f"{house.rabbitmq.url}?heartbeat=2".replace(
            f"{LOOPBACK}:{house.rabbitmq.port}", f"{LOOPBACK_IPV6}:{port}"
        )
        with watched(house, "worker", METRICS_HOST="::", BROKER_URL=broker) as worker:
            worker.systemd.wait_for("READY=1", START_S)
            assert worker.status("/readyz") == 200
            worker.url = worker.url.replace(LOOPBACK, LOOPBACK_IPV6)
            assert worker.status("/readyz") == 200
            assert worker.status("/metrics") == 200


@pytest.mark.campaign
def test_a_frozen_broker_makes_a_worker_unready_and_no_corpse(house: House) -> None:
    """To start it again would not help: signs of life go on coming. Afterwards it is ready by itself."""
    with watched(house, "worker") as worker:
        worker.systemd.wait_for("READY=1", START_S)
        house.rabbitmq.freeze()
        try:
            worker.wait_until_it_answers("/readyz", 503)
            assert worker.problems() == ["queues"]
            assert worker.status("/healthz") == 200
            worker.wait_for_a_sign_of_life()
        finally:
            house.rabbitmq.thaw()
        worker.wait_until_it_answers("/readyz", 200)


@pytest.mark.campaign
def test_a_frozen_database_makes_a_worker_unready_and_no_corpse(house: House) -> None:
    """A database that hangs keeps no probe waiting."""
    with watched(house, "worker") as worker:
        worker.systemd.wait_for("READY=1", START_S)
        house.postgres.freeze()
        try:
            worker.wait_until_it_answers("/readyz", 503)
            assert worker.problems() == ["database"]
            assert worker.status("/healthz") == 200
            worker.wait_for_a_sign_of_life()
        finally:
            house.postgres.thaw()
        worker.wait_until_it_answers("/readyz", 200)


@pytest.mark.campaign
@pytest.mark.parametrize(
    ("illness", "check"),
    [
        ("consumer_dies", "consumers"),
        ("consumer_hangs", "consumers"),
        ("thread_dies", "threads"),
        ("job_hangs", "jobs"),
    ],
)
def test_a_worker_that_is_alive_and_does_not_work_is_found_out(house: House, illness: str, check: str) -> None:
    """Its process runs, its connections stand, it answers: stock workers go on like that for days."""
    with contextmanager(sick)(house, illness) as worker:
        worker.program.send(signal.SIGUSR1)

        worker.wait_until_it_answers("/healthz", 503)
        assert worker.problems("/healthz") == [check]
        worker.systemd.wait_for_status(f"stalled: {check}")
        worker.wait_until_silent()
        assert worker.program.alive
        worker.program.wait_for_output('"worker.stalled"', NOTICED_S)


@pytest.mark.campaign
def test_a_job_that_hangs_is_named_with_its_place(house: House) -> None:
    """Whoever is on call need not guess."""
    with contextmanager(sick)(house, "job_hangs") as worker:
        worker.program.send(signal.SIGUSR1)
        worker.program.wait_for_output(r"stuck is \d+ s beyond its time limit, at .*sick_worker.py:\d+", NOTICED_S)


def test_a_worker_with_a_queue_that_nobody_knows_does_not_start(house: House) -> None:
    """It would wait for ever, and look healthy."""
    with watched(house, "worker", [*COMMANDS["worker"](house), "--queues", "urgnt"]) as worker:
        assert worker.program.wait(START_S) != 0
        assert "There is no queue urgnt: write --queues with routine, urgent." in worker.program.output()


@pytest.mark.campaign
def test_a_port_that_is_taken_stops_no_worker(house: House) -> None:
    """The work is worth more; the log says what to do."""
    with watched(house, "worker") as worker:
        worker.systemd.wait_for("READY=1", START_S)
        with Program("second", worker.program.command, worker.program.env, ROOT) as second:
            second.wait_for_output('"probes.no_port".*Set another METRICS_PORT', START_S)
            second.wait_for_output('"worker.ready"', START_S)


# --- all of them -----------------------------------------------------------------------------------------------------


@pytest.mark.campaign
@pytest.mark.parametrize("name", ["worker", "scheduler", "web"])
def test_who_is_frozen_gives_no_sign_of_life(house: House, name: str) -> None:
    """And goes on where it stopped, if systemd has not ended it."""
    with watched(house, name) as part:
        part.systemd.wait_for("READY=1", START_S)
        part.systemd.wait_for("WATCHDOG=1")

        part.program.freeze()
        part.wait_until_silent()
        part.program.thaw()

        wait_until(lambda: part.systemd.silent_s() < WATCHDOG_S, "it gave a sign of life again", NOTICED_S)
        part.wait_until_it_answers("/readyz", 200)


@pytest.mark.parametrize("name", ["scheduler", "web"])
def test_who_finds_no_database_is_not_ready(house: House, name: str) -> None:
    """It is there and live as soon as it can be; READY waits for the database."""
    with watched(house, name) as part:
        part.systemd.wait_for("READY=1", START_S)
        house.postgres.stop()
        try:
            part.wait_until_it_answers("/readyz", 503)
            assert part.status("/healthz") == 200
        finally:
            house.postgres.start()
        part.wait_until_it_answers("/readyz", 200)


# --- scheduler and web -----------------------------------------------------------------------------------------------


def test_a_scheduler_is_ready_when_the_ledger_is_written(house: House) -> None:
    """Ticks stand there by then; when it ends it says so."""
    with watched(house, "scheduler") as scheduler:
        scheduler.systemd.wait_for("READY=1", START_S)
        [(ticks,)] = house.sql("SELECT count(*) FROM actors_tick WHERE fired_at > now() - interval '1 minute'")
        assert ticks > 0

        scheduler.program.send(signal.SIGTERM)
        assert scheduler.program.wait(START_S) == 0
        scheduler.systemd.wait_for("STOPPING=1")


@pytest.mark.campaign
def test_a_scheduler_whose_database_hangs_is_found_out(house: House) -> None:
    """Its loop does not come round."""
    with watched(house, "scheduler") as scheduler:
        scheduler.systemd.wait_for("READY=1", START_S)
        house.postgres.freeze()
        try:
            scheduler.wait_until_it_answers("/healthz", 503)
            scheduler.wait_until_silent()
        finally:
            house.postgres.thaw()
        scheduler.wait_until_it_answers("/readyz", 200)


def test_the_web_says_ready_only_when_it_serves(house: House) -> None:
    """gunicorn's own READY, before anything is loaded, does not get through."""
    house.postgres.stop()
    try:
        with watched(house, "web") as web:
            web.systemd.wait_for_status("waiting: web", START_S)
            assert web.status("/healthz") == 200
            assert "READY=1" not in web.systemd.words

            house.postgres.start()
            web.systemd.wait_for("READY=1", START_S)
            assert web.status("/readyz") == 200
    finally:
        if not house.postgres.alive:
            house.postgres.start()


def test_a_web_on_ipv6_says_ready(house: House) -> None:
    """Its own request has the Host header that the shop accepts."""
    url = f"http://{LOOPBACK_IPV6}:{free_port()}"
    command = [
        word.replace(house.url.removeprefix("http://"), url.removeprefix("http://")) for word in COMMANDS["web"](house)
    ]
    with watched(house, "web", command, SHOP_URL=url) as web:
        web.systemd.wait_for("READY=1", START_S)
        web.url = url
        assert web.status("/readyz") == 200


def test_a_web_that_is_told_to_read_its_code_anew_stays_ready(house: House) -> None:
    """SIGHUP: signs of life go on, from new processes."""
    with watched(house, "web") as web:
        web.systemd.wait_for("READY=1", START_S)
        before = {process.pid for process in web.program.members()} - {web.program.pid}
        web.program.send(signal.SIGHUP)

        def renewed() -> bool:
            now = {process.pid for process in web.program.members()} - {web.program.pid}
            return bool(now) and not now & before

        wait_until(renewed, "new processes took over", START_S)
        web.wait_for_a_sign_of_life()
        assert web.status("/readyz") == 200


def test_a_web_that_cannot_load_the_shop_never_says_ready(house: House) -> None:
    """It ends, and has told nothing."""
    command = [
        sys.executable,
        "-m",
        "gunicorn",
        "config.nowhere",
        "-c",
        "deploy/gunicorn.conf.py",
        "--bind",
        "127.0.0.1:0",
    ]
    with watched(house, "web", command) as web:
        assert web.program.wait(START_S) != 0
        assert "READY=1" not in web.systemd.words
