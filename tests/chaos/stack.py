"""The parts of a shop in production, and what starts them again when they end, as systemd does."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from threading import Event
from typing import Any, Self

import psycopg
import requests

from tests.chaos import release
from tests.chaos.browser import browser
from tests.chaos.notes import Notes
from tests.chaos.plan import CLOCKED, WIRES
from tests.chaos.supervisor import Supervisor
from tests.chaos.wires import Wires
from tests.demo.stack import SHORT_TIMES
from tests.stack.disk import small_disk
from tests.stack.ports import LOOPBACK, free_port, wait_until
from tests.stack.postgres import Postgres
from tests.stack.processes import Program
from tests.stack.programs import find_faketime
from tests.stack.rabbitmq import RabbitMQ
from tests.stack.server import Server, StartError

ROOT = Path(__file__).resolve().parents[2]

TIMES = {**SHORT_TIMES, "PAYMENT_WINDOW_S": "60", "EMAIL_TIMEOUT_S": "10"}
"""As in the demo, but customers have time to come back after a fault, and a slow mail server is no fault."""

DATABASE_MB = 2_000
"""The disk of the database: ten thousand orders and PostgreSQL's own log take about a quarter of it."""

LIES = {"lose_every": 5, "duplicate_every": 4, "late_every": 7, "late_s": 3.0, "reorder": False}
"""What the provider does with its callbacks all the time."""

STOCK = 100_000
"""Of each product: what one customer may hold is a share of it, and nothing sells out."""

OPERATOR, PASSWORD = "operator", "a long password of an operator"

CLOCK_READ_EVERY_S = 1

WORKER = ("manage.py", "rundramatiq", "--processes", "1", "--threads", "8", "--skip-logging")

APP, OWNER = "till", "till_owner"


class Stack:
    """A running shop, a context manager. `parts` may be killed and frozen; `held` names those that shall stay down."""

    def __init__(
        self,
        directory: Path,
        notes: Notes,
        code: Path = ROOT,
        lies: Mapping[str, Any] = LIES,
        times: Mapping[str, str] = TIMES,
    ) -> None:
        """`code` is where the shop's code is: here, or a copy of it. `times` are settings."""
        self.directory, self.notes, self.code, self._lies, self._times = directory, notes, code, lies, times
        self.web_address = f"{LOOPBACK}:{free_port()}"
        self.shop_url, self.sandbox_url = f"http://{self.web_address}", f"http://{LOOPBACK}:{free_port()}"
        self.trusted: str | bool = True
        """Whom a browser trusts, as `requests` takes it."""
        self.parts: dict[str, Program | Server] = {}
        self.held: set[str] = set()
        self.opened_at = time.time()
        self._exits, self.over = ExitStack(), Event()

    def __enter__(self) -> Self:
        """Raises StartError."""
        try:
            self.open()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    # --- the start ---------------------------------------------------------------------------------------------------

    def open(self) -> None:
        """Start everything, in the order of a first installation. Raises StartError."""
        self.disk = self._exits.enter_context(small_disk(DATABASE_MB))
        self.postgres, self.rabbitmq = Postgres(self.disk.path / "cluster"), RabbitMQ()
        self._give_clock(self.postgres)
        self.mail_port = free_port()
        self.wires = self._exits.enter_context(Wires({wire: self._port_of(part) for wire, part in WIRES.items()}))
        self.parts |= {"postgres": self.postgres, "rabbitmq": self.rabbitmq}
        self._exits.callback(self._end_parts)
        self._broker = f"amqp://till:secret@{LOOPBACK}:{{port}}/%2F"
        self.rabbitmq.load(json.loads(self.manage("rabbitmqconf", via="direct")))
        with ThreadPoolExecutor(1) as aside:
            broker = aside.submit(self.rabbitmq.start)
            self._create_database()
            broker.result()
        self._add_programs()
        for part in self.parts.values():
            if not part.alive:
                part.start()
        wait_until(self.answers, "the shop answered")
        self.after_start("sandbox")
        Supervisor(self).watch()

    def close(self) -> None:
        """End everything at once."""
        self.over.set()
        self._exits.close()

    def manage(self, *words: str, via: str = "web", check: bool = True, **changes: str) -> str:
        """Run one of the shop's commands; returns what it printed. Raises StartError."""
        command = [sys.executable, "manage.py", *words]
        done = subprocess.run(
            command, cwd=self.code, env=self.environment(via) | changes, capture_output=True, text=True, check=False
        )
        if check and done.returncode:
            raise StartError(f"manage.py {words[0]} failed:\n{done.stderr}")
        return done.stdout

    def environment(self, part: str) -> dict[str, str]:
        """The whole environment of a web, a worker or a scheduler; `direct` reaches the services without wires."""
        port = {service: self._port_to(part, service) for service in ("postgres", "rabbitmq", "sandbox", "mail")}
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "LANG": "C.UTF-8",
            "PYTHONUNBUFFERED": "1",
            "VAR_DIR": str(self.directory),
            "DATABASE_URL": f"postgres://{APP}@{LOOPBACK}:{port['postgres']}/shop",
            "DATABASE_OWNER_URL": f"postgres://{OWNER}@{LOOPBACK}:{port['postgres']}/shop",
            "BROKER_URL": self._broker.format(port=port["rabbitmq"]),
            "SHOP_URL": self.shop_url,
            "SANDBOX_URL": f"http://{LOOPBACK}:{port['sandbox']}",
            "EMAIL_HOST": LOOPBACK,
            "EMAIL_PORT": str(port["mail"]),
            "SECRET_KEY": "only-for-chaos-" * 5,
            "LOG_STYLE": "json",
            "METRICS_PORT": "0",
            "SCHEDULER_METRICS_PORT": "0",
            **self._times,
        }

    def _port_to(self, part: str, service: str) -> int:
        wire = f"{part.partition('-')[0]}>{service}"
        return self.wires.ports.get(wire) or self._port_of(service)

    def _port_of(self, service: str) -> int:
        if service == "sandbox":
            return int(self.sandbox_url.rpartition(":")[2])
        return {"postgres": self.postgres.port, "rabbitmq": self.rabbitmq.port, "mail": self.mail_port}[service]

    def _create_database(self) -> None:
        self.postgres.start()
        with psycopg.connect(self.postgres.create_database("shop"), autocommit=True) as connection:
            connection.execute(self.manage("dbroles", via="direct").encode())
        self.manage("migrate", "--verbosity", "0", via="direct")
        self.manage("demoshop", "--quiet", "--stock", str(STOCK), via="direct")
        account = ("--noinput", "--username", OPERATOR, "--email", "operator@example.com")
        self.manage("createsuperuser", *account, via="direct", DJANGO_SUPERUSER_PASSWORD=PASSWORD)

    def _add_programs(self) -> None:
        python, sandbox = sys.executable, ("-m", "billing.sandbox", "--port", str(self._port_of("sandbox")))
        threads = ("--worker-class", "gthread", "--threads", "8", "--no-control-socket")
        bind = ("--bind", self.web_address, "--worker-tmp-dir", str(self.directory))
        database, mails = str(self.directory / "sandbox.sqlite3"), str(self.notes.file("mails"))
        self._add("sandbox", python, *sandbox, "--database", database)
        self._add("mail", python, "-m", "tests.chaos.mailbox", str(self.mail_port), mails)
        self._add("web", python, "-m", "gunicorn", "config.wsgi", "-c", "deploy/gunicorn.conf.py", *threads, *bind)
        for number in ("1", "2"):
            self._add(f"worker-{number}", python, *WORKER)
            self._add(f"scheduler-{number}", python, "manage.py", "runscheduler")

    def _add(self, name: str, *command: str, code: Path | None = None) -> Program:
        home = ROOT if name == "mail" else code or self.code
        environment = self.environment(name) | (self._clock_of(name) if name in CLOCKED else {})
        self.parts[name] = program = Program(name, command, environment, home, self.directory / f"{name}.log")
        return program

    # --- clocks and releases -----------------------------------------------------------------------------------------

    def set_clock(self, name: str, wrong_s: str) -> None:
        """Move the clock of a running part; "+0" puts it right."""
        self._clock_file(name).write_text(f"{wrong_s}s\n")

    def _clock_of(self, name: str) -> dict[str, str]:
        """libfaketime reads the file again and again, so that the clock of a running process moves."""
        self.set_clock(name, "+0")
        return {
            "LD_PRELOAD": str(find_faketime()),
            "FAKETIME_TIMESTAMP_FILE": str(self._clock_file(name)),
            "FAKETIME_CACHE_DURATION": str(CLOCK_READ_EVERY_S),
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
            "PYTHONPATH": str(ROOT / "tests/stack/wrong_clock"),
        }

    def _give_clock(self, postgres: Postgres) -> None:
        """Only once it is no longer root: what the library shares between processes belongs to the first user."""
        command = postgres.program.command
        at = command.index(str(postgres.binaries / "postgres"))
        command[at:at] = ["env", *(f"{name}={value}" for name, value in self._clock_of("postgres").items())]

    def _clock_file(self, name: str) -> Path:
        """Beside the database: PostgreSQL, which is another user, must be able to read it."""
        return self.disk.path / f"{name}.clock"

    @contextmanager
    def last_release(self) -> Iterator[str]:
        """A worker of the last release runs beside the others; yields its version. Raises NoRelease."""
        code = self.directory / "last-release"
        version = release.write(code) if not code.exists() else "again"
        worker = self._add("worker-0", sys.executable, *WORKER, code=code).start()
        try:
            yield version
        finally:
            del self.parts["worker-0"]
            worker.stop()

    def browser_of(self, _customer: int) -> requests.Session:
        """What this customer uses."""
        return browser()

    # --- while it runs ------------------------------------------------------------------------------------------------

    def after_start(self, name: str) -> None:
        """The provider forgets its rule when it ends."""
        if name == "sandbox":
            wait_until(lambda: self._is_there(f"{self.sandbox_url}/healthz"), "the provider answered")
            self.control("callbacks", **self._lies)

    def control(self, path: str, /, *, method: str = "POST", **fields: object) -> None:
        """One call of the provider's control API. Raises RequestException."""
        with browser() as http:
            http.request(method, f"{self.sandbox_url}/control/{path}", json=fields, timeout=10).raise_for_status()

    def heal(self) -> None:
        """Everything works again; returns when the shop answers."""
        self.wires.heal()
        self.disk.make_room()
        for name in CLOCKED:
            self.set_clock(name, "+0")
        for name, part in list(self.parts.items()):
            if part.alive and name not in self.held:
                thaw(part)
        self.held.clear()
        wait_until(lambda: all(part.alive for part in list(self.parts.values())), "every part ran")
        wait_until(self.answers, "the shop answered")

    def answers(self) -> bool:
        """Do the shop, the provider, the database and the broker answer?"""
        pages = (f"{self.shop_url}/", f"{self.sandbox_url}/healthz")
        return all(map(self._is_there, pages)) and self.postgres.answers() and self.rabbitmq.answers()

    def _is_there(self, url: str) -> bool:
        with suppress(requests.RequestException), browser(self.trusted) as http:
            return http.get(url, timeout=5).ok
        return False

    def _end_parts(self) -> None:
        for part in self.parts.values():
            part.kill()
        self.rabbitmq.close()


def thaw(part: Program | Server) -> None:
    """Let it go on; it may end at this moment."""
    with suppress(ProcessLookupError):
        part.thaw()
