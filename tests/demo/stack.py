"""The two shops: all parts in one process like `make run`, or one process for each part as in production."""

import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import requests

from tests.stack.mail import MailServer
from tests.stack.ports import LOOPBACK, free_port, wait_until
from tests.stack.postgres import Postgres
from tests.stack.processes import Program
from tests.stack.rabbitmq import RabbitMQ
from tests.stack.server import StartError

HOME = Path(__file__).resolve().parents[2]

SHORT_TIMES = {
    "PAYMENT_WINDOW_S": "14",
    "FAST_TRACK_INTERVAL_S": "2",
    "PAYMENT_API_TIMEOUT_S": "2",
    "SLOW_TRACK_INTERVAL_S": "4",
    "ATTENTION_INTERVAL_S": "5",
    "EMAIL_TIMEOUT_S": "3",
}
"""The only difference from a real shop: a demo cannot wait an hour until an order expires."""

NO_METRICS = {"METRICS_PORT": "0", "SCHEDULER_METRICS_PORT": "0"}
"""The workers would all use the same port, which may be in use already."""

CALLBACK_FAULTS = {"lose_every": 3, "duplicate_every": 4, "late_every": 5, "late_s": 2.0}
"""What the provider does with its callbacks."""

INHERITED = ("PATH", "HOME", "TMPDIR", "LANG", "LD_LIBRARY_PATH")
"""The shop gets only these variables of the caller's environment: a developer's settings must not change the demo."""

READY_WITHIN_S = 300.0
STOP_WITHIN_S = 6.0

WORKERS = 2


class Interrupted(Exception):
    """A signal asked the demo to stop."""


@dataclass
class StopRequest:
    """A flag that a signal handler sets. It may run at any moment, so the flag must not use a lock."""

    asked: bool = False

    def raise_if_asked(self) -> None:
        """Raises Interrupted if a signal asked the demo to stop."""
        if self.asked:
            raise Interrupted


@dataclass
class Stack:
    """A running shop, and what is needed to visit and watch it."""

    stopping: StopRequest
    mail: MailServer
    directory: Path
    shop_url: str = field(default_factory=lambda: f"http://{LOOPBACK}:{free_port()}")
    sandbox_url: str = field(default_factory=lambda: f"http://{LOOPBACK}:{free_port()}")
    settings: dict[str, str] = field(default_factory=dict)
    programs: list[Program] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.settings |= {
            **SHORT_TIMES,
            "VAR_DIR": str(self.directory),
            "SHOP_URL": self.shop_url,
            "SANDBOX_URL": self.sandbox_url,
            "EMAIL_HOST": LOOPBACK,
            "EMAIL_PORT": str(self.mail.port),
            **NO_METRICS,
        }

    def start(self, name: str, *arguments: str) -> None:
        """Start a part of the shop; all parts are stopped together."""
        self.programs.append(self._program(name, *arguments).start())

    def manage(self, *arguments: str) -> None:
        """Run a management command to its end. Raises StartError if it fails."""
        with self._program(f"manage.py {arguments[0]}", "manage.py", *arguments) as command:
            self.wait_until(lambda: not command.alive, f"{command.name} ended")
            if command.wait(0):
                raise StartError(f"{command.name} failed:\n{command.last_lines()}")

    def wait_until_open(self) -> None:
        """Return once the shop and the provider answer. Raises StartError if a part ends instead."""
        self.wait_until(lambda: self.dead() or self._is_open(), "the shop answered")
        if dead := self.dead():
            raise StartError(f"{dead[0].name} ended at once:\n{dead[0].last_lines()}")

    def wait_until(self, condition: Callable[[], object], what: str) -> None:
        """Wait up to READY_WITHIN_S. Raises StartError after that, Interrupted if a signal asked to stop."""
        try:
            wait_until(lambda: self.stopping.asked or condition(), what, READY_WITHIN_S)
        except TimeoutError as silence:
            raise StartError(f"{silence}\n{self.last_words()}") from None
        self.stopping.raise_if_asked()

    def break_callbacks(self) -> None:
        """From now on the provider loses, repeats and delays callbacks."""
        requests.post(f"{self.sandbox_url}/control/callbacks", json=CALLBACK_FAULTS, timeout=5).raise_for_status()

    def stop(self) -> None:
        """Send SIGTERM to all programs at once, so that they stop in parallel; kill the rest and their children.

        Each gets one SIGTERM: for Dramatiq a second one means "stop at once".
        """
        give_up_at = time.monotonic() + STOP_WITHIN_S
        alive = [program for program in self.programs if program.alive]
        for program in alive:
            program.send(signal.SIGTERM)
        for program in alive:
            try:
                program.wait(max(0.0, give_up_at - time.monotonic()))
            except TimeoutError:
                print(f"demo: {program.name} did not stop within {STOP_WITHIN_S:g} s and is killed", file=sys.stderr)
        for program in self.programs:
            program.kill()

    def dead(self) -> list[Program]:
        """The parts that have ended."""
        return [program for program in self.programs if not program.alive]

    def last_words(self) -> str:
        """The end of every part's log."""
        dead = self.dead()
        heads = [f"--- {program.name}{' (ended by itself)' if program in dead else ''}" for program in self.programs]
        return "\n".join(f"{head}\n{part.last_lines()}" for head, part in zip(heads, self.programs, strict=True))

    def _program(self, name: str, *arguments: str) -> Program:
        """One of our own programs, with the shop's settings."""
        return Program(name, [sys.executable, *arguments], self._environment(), HOME, self.directory / f"{name}.log")

    def _environment(self) -> Mapping[str, str]:
        inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
        return {**inherited, "PYTHONUNBUFFERED": "1", **self.settings}

    def _is_open(self) -> bool:
        return _answers(f"{self.shop_url}/readyz") and _answers(f"{self.sandbox_url}/healthz")


@contextmanager
def embedded(stock: int, stopping: StopRequest) -> Iterator[Stack]:
    """Everything in one process, on SQLite."""
    with _empty_stack(stopping) as stack:
        _fill(stack, stock)
        stack.start("runlocal", "manage.py", "runlocal")
        stack.wait_until_open()
        yield stack


@contextmanager
def services(stock: int, stopping: StopRequest) -> Iterator[Stack]:
    """PostgreSQL, RabbitMQ, and a process for each part of the shop."""
    with Postgres() as postgres, _starting_rabbitmq() as rabbitmq, _empty_stack(stopping) as stack:
        stack.settings["DATABASE_URL"] = postgres.create_database("tillkeeper")
        _fill(stack, stock)
        stack.wait_until(rabbitmq.done, "RabbitMQ had started")
        stack.settings["BROKER_URL"] = rabbitmq.result().url
        _start_parts(stack)
        stack.wait_until_open()
        yield stack


@contextmanager
def _empty_stack(stopping: StopRequest) -> Iterator[Stack]:
    """A mail server, and a temporary directory; everything is stopped and deleted at the end."""
    with tempfile.TemporaryDirectory(prefix="tillkeeper-demo-") as directory, MailServer() as mail:
        stack = Stack(stopping, mail, Path(directory))
        try:
            yield stack
        finally:
            stack.stop()


@contextmanager
def _starting_rabbitmq() -> Iterator["Future[RabbitMQ]"]:
    """Starts RabbitMQ in a thread: it takes the longest, so the database is filled meanwhile."""
    rabbitmq, aside = RabbitMQ(), ThreadPoolExecutor(1)
    try:
        yield aside.submit(rabbitmq.start)
    finally:
        rabbitmq.close()  # does not wait for a start that is under way
        aside.shutdown()
        rabbitmq.close()  # stops a server that started at this very moment


def _fill(stack: Stack, stock: int) -> None:
    """Migrate the database, and create the products."""
    stack.manage("migrate", "--verbosity", "0")
    stack.manage("demoshop", "--quiet", "--stock", str(stock))


def _start_parts(stack: Stack) -> None:
    """Start web, workers, scheduler and provider, one process each."""
    shop, sandbox = urlsplit(stack.shop_url), urlsplit(stack.sandbox_url)
    gunicorn = ("-m", "gunicorn", "config.wsgi", "--worker-class", "gthread", "--threads", "8", "--no-control-socket")
    worker = ("manage.py", "rundramatiq", "--processes", "1", "--threads", "8", "--skip-logging")
    database = str(stack.directory / "sandbox.sqlite3")
    stack.start("sandbox", "-m", "billing.sandbox", "--port", str(sandbox.port), "--database", database)
    stack.start("web", *gunicorn, "--bind", shop.netloc, "--worker-tmp-dir", str(stack.directory))
    for number in range(1, WORKERS + 1):
        stack.start(f"worker-{number}", *worker)
    stack.start("scheduler", "manage.py", "runscheduler")


def _answers(url: str) -> bool:
    try:
        with requests.Session() as http:
            http.trust_env = False
            return http.get(url, timeout=2).ok
    except requests.RequestException:
        return False
