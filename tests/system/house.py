"""The house as its users run it: web, worker and scheduler as processes of the operating system, with no more rights
at the broker than a production has.

They stand between a private PostgreSQL, a private RabbitMQ, the sandbox provider and a mail server. What came of an
order is read from the database, from the shop's pages, and from the books that the provider and the mail server keep:
those know nothing of the code under test.
"""

import json
import os
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pika
import psycopg
import requests
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import AMQPError, ChannelClosedByBroker

from actors.management.commands.rabbitmqconf import definitions
from billing.sandbox import SandboxServer
from config.database.roles import statements
from config.settings.databases import database
from tests import forked
from tests.metrics import Page
from tests.stack.mail import MailServer
from tests.stack.ports import HANG_S, LOOPBACK, free_port, wait_until
from tests.stack.postgres import Postgres
from tests.stack.processes import Program
from tests.stack.rabbitmq import RabbitMQ

ROOT = Path(__file__).resolve().parents[2]
MANAGE = [sys.executable, str(ROOT / "manage.py")]
QUEUES = ("urgent", "urgent.DQ", "urgent.XQ", "routine", "routine.DQ", "routine.XQ")

FAST_TRACK_INTERVAL_S = 2
PAYMENT_API_TIMEOUT_S = 2

APP, OWNER, READERS = "till", "till_owner", "till_read"
"""Roles in the database."""

OPERATOR, PASSWORD = "operator", "a long password of an operator"

START_S = HANG_S
"""Patience until a process is at work; it needs 4 s on a quiet machine with two processors."""

PAUSE_S = 0.2
"""Between two looks that cost as much as a part's own work: the parts that are waited for need the processors."""

SETTLE_S = 180.0
"""Patience until an order that was paid is shown, settled and mailed; the claim of a dead worker is part of it."""

_numbers = count(1)


@dataclass(frozen=True)
class Placed:
    """An order as its customer knows it: the shop's id, the provider's page, and how long the button took."""

    public_id: str
    provider_ref: str
    email: str
    seconds: float


class House:
    """Starts services once, and the parts that a test asks for; a context manager that leaves nothing behind."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.postgres, self.rabbitmq = Postgres(), RabbitMQ(plugins=["rabbitmq_prometheus"])
        self.broker_url = f"amqp://till:s%40cret@{LOOPBACK}:{self.rabbitmq.port}/%2F"
        self.rabbitmq.load(definitions(self.broker_url))
        self.mail, self.provider = MailServer(), SandboxServer()
        self.url = f"http://{LOOPBACK}:{free_port()}"
        self.worker_metrics_port, self.scheduler_metrics_port = free_port(), free_port()
        self._parts: dict[str, Program] = {}
        self._exits = ExitStack()

    def __enter__(self) -> Self:
        """The database is prepared while the broker starts."""
        for service in (self.mail, self.provider, self.postgres):
            self._exits.enter_context(service)
        with ThreadPoolExecutor(1) as aside:
            broker = aside.submit(self._exits.enter_context, self.rabbitmq)
            self._create_database()
            self.furnish()
            broker.result()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for part in self._parts.values():
            part.kill()
        self._exits.close()

    @property
    def environment(self) -> dict[str, str]:
        """The whole environment of every part."""
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "LANG": "C.UTF-8",
            "VAR_DIR": str(self.directory),
            "DATABASE_URL": self.postgres.url_of("shop", APP),
            "DATABASE_OWNER_URL": self.postgres.url_of("shop", OWNER),
            "BROKER_URL": self.broker_url,
            "BROKER_METRICS_URL": self.rabbitmq.prometheus_url.removesuffix("/metrics"),
            "SHOP_URL": self.url,
            "SANDBOX_URL": self.provider.url,
            "EMAIL_HOST": LOOPBACK,
            "EMAIL_PORT": str(self.mail.port),
            "EMAIL_TIMEOUT_S": "3",  # what a mail server that is busy elsewhere needs, or its mails are sent again
            "SECRET_KEY": "only-for-tests-" * 5,
            "LOG_STYLE": "json",
            "LOG_FILE": str(self.directory / "shop.log"),
            "FAST_TRACK_INTERVAL_S": str(FAST_TRACK_INTERVAL_S),
            "PAYMENT_API_TIMEOUT_S": str(PAYMENT_API_TIMEOUT_S),
            "PAYMENT_WINDOW_S": "600",
            "METRICS_PORT": str(self.worker_metrics_port),
            "SCHEDULER_METRICS_PORT": str(self.scheduler_metrics_port),
        }

    # --- parts -------------------------------------------------------------------------------------------------------

    def run(self, *names: str) -> None:
        """Let exactly these parts run: `web`, `worker`, `scheduler`, with a number behind it for a further one.

        Whatever a worker held that runs no more is back in its queue then, where a purge finds it.
        """
        gone = [name for name in self._parts if name not in names]
        with ThreadPoolExecutor() as aside:
            list(aside.map(self._stop, gone))
        if any(name.startswith("worker") for name in gone):
            wait_until(self._broker_knows_who_is_gone, "the broker had noticed who is gone", START_S, PAUSE_S)
        if not names:
            self._parts.clear()
        self.start(*names)

    def start(self, *names: str) -> None:
        """Start those of the parts that do not run, side by side, and wait until all of them are at work."""
        started = [name for name in names if not self.part(name).alive]
        for name in started:
            self.part(name).start()
        for name in started:
            self._wait_until_at_work(name)

    def part(self, name: str) -> Program:
        """The process, running or not."""
        if name not in self._parts:
            command = COMMANDS[name.rstrip("0123456789")](self)
            self._parts[name] = Program(name, command, self.environment, ROOT, self.directory / f"{name}.log")
        return self._parts[name]

    @contextmanager
    def told(self, **changes: Mapping[str, str]) -> Iterator[None]:
        """These parts are started with other settings; they are stopped before and after."""
        for name, settings in changes.items():
            self.part(name).stop()
            self.part(name).env = {**self.environment, **settings}
        try:
            yield
        finally:
            for name in changes:
                self.part(name).stop()
                self.part(name).env = self.environment

    def manage(
        self, *words: str, changes: Mapping[str, str | None] | None = None, check: bool = False
    ) -> forked.Completed:
        """Run a management command to its end, with changes in its environment (None: not set)."""
        env = {name: value for name, value in {**self.environment, **(changes or {})}.items() if value is not None}
        done = forked.manage(env, *words)
        if check:
            done.check_returncode()
        return done

    def furnish(self) -> None:
        """Tables, and something to sell."""
        self.manage("migrate", "--verbosity", "0", check=True)
        self.sql(PRODUCT)

    def _create_database(self) -> None:
        """With the roles of a production: no part of the shop owns a table."""
        superuser = self.postgres.create_database("shop")
        app, owner = (database(self.postgres.url_of("shop", role)) for role in (APP, OWNER))
        with psycopg.connect(superuser) as connection:
            connection.execute(statements(app, owner, READERS).encode())
            connection.execute(f"ALTER ROLE {OWNER} CREATEDB".encode())  # for the drill of a restore

    def tidy(self) -> None:
        """An honest provider that tells everything, no mails, and no messages that nobody wants."""
        self.provider.clear_faults()
        self.provider.end_outage()
        self.provider.callbacks()
        self.provider.webhooks.forget()
        self.sql(CLOSE_BREAKERS)
        self.mail.clear()
        self.purge()

    def move_to(self, postgres: Postgres, rabbitmq: RabbitMQ, broker_url: str) -> None:
        """Other services from now on, with an empty database where there is none; no part may run."""
        assert not self.pids()
        self._parts.clear()
        self.postgres, self.rabbitmq, self.broker_url = postgres, rabbitmq, broker_url
        self._create_database()

    def pids(self) -> dict[str, int]:
        """The parts that run, and which processes they are."""
        return {name: part.pid for name, part in self._parts.items() if part.alive}

    def worker_threads(self, name: str = "worker") -> int:
        """Threads of the worker's processes."""
        return sum(process.num_threads() for process in self.part(name).members())

    def metrics_address(self, name: str) -> str:
        """Where the part shows its metrics, as host and port."""
        ports = {"worker": self.worker_metrics_port, "scheduler": self.scheduler_metrics_port}
        return f"{LOOPBACK}:{ports[name]}" if name in ports else self.url.removeprefix("http://")

    def metrics(self, name: str) -> Page:
        """What the part shows to Prometheus now."""
        with http() as browser:
            answer = browser.get(f"http://{self.metrics_address(name)}/metrics", timeout=HANG_S)
        assert answer.ok, f"{answer.status_code} {answer.text[:500]}"
        return Page(answer.text)

    def pages(self) -> dict[str, Page]:
        """What every part shows to Prometheus now."""
        return {name: self.metrics(name) for name in ("web", "worker", "scheduler")}

    def unready(self, name: str) -> list[str]:
        """The failed checks of the part; none: it is ready."""
        answer = http().get(f"http://{self.metrics_address(name)}/readyz", timeout=HANG_S)
        problems: list[str] = answer.json()["problems"]
        assert answer.status_code == (503 if problems else 200)
        return problems

    def _stop(self, name: str) -> None:
        self.part(name).stop()

    def _wait_until_at_work(self, name: str) -> None:
        """Looks from outside: the web answers, the worker consumes; of the scheduler only its word is to be had."""
        if name.startswith("scheduler"):
            return self.part(name).wait_for_output('"scheduler.started"', START_S)
        look = self._web_answers if name.startswith("web") else self._worker_consumes
        wait_until(lambda: look() or not self.part(name).alive, f"{name} was at work", START_S, PAUSE_S)
        assert self.part(name).alive, f"{name} ended instead of starting:\n{self.part(name).last_lines()}"
        return None

    def _worker_consumes(self) -> bool:
        """Every one of them: a second worker is not at work because the first one is."""
        return min(self._consumers(*(queue for queue in QUEUES if not queue.endswith("XQ")))) >= self._workers()

    def _broker_knows_who_is_gone(self) -> bool:
        return max(self._consumers(*QUEUES)) <= self._workers()

    def _workers(self) -> int:
        return sum(name.startswith("worker") for name in self.pids())

    def _web_answers(self) -> bool:
        try:
            return http().get(f"{self.url}/healthz", timeout=5).ok
        except requests.RequestException:
            return False

    # --- customers ---------------------------------------------------------------------------------------------------

    def place(self, orders: int = 1, at_once: int = 4) -> list[Placed]:
        """Customers order through the pages of the shop, some of them at the same time."""
        with ThreadPoolExecutor(at_once) as customers:
            return list(customers.map(lambda _: self.place_one(), range(orders)))

    def place_one(self) -> Placed:
        """One customer: catalogue, cart, checkout, and on to the provider's page."""
        email = f"customer-{next(_numbers)}@example.com"
        with http() as browser:
            self._put_into_cart(browser)
            token = csrf_token(browser.get(f"{self.url}/checkout/", timeout=HANG_S))
            form = {"csrfmiddlewaretoken": token, "email": email, "name": "Ann", "address": "1 Main Street"}
            started = time.perf_counter()
            answer = browser.post(f"{self.url}/checkout/", data=form, timeout=HANG_S, allow_redirects=False)
            seconds = time.perf_counter() - started
        assert answer.status_code == 302, answer.text[:500]
        return self._placed(answer.headers["Location"], email, seconds)

    def pay(self, orders: Sequence[Placed]) -> None:
        """The buyers press "pay" on the provider's page."""
        for order in orders:
            self.provider.act(order.provider_ref, "pay")

    def state(self, order: Placed) -> str:
        """What the customer's page is told."""
        with http() as browser:
            answer = browser.get(f"{self.url}/orders/{order.public_id}/state.json", timeout=HANG_S)
        return str(answer.json()["state"])

    def page(self, path: str) -> requests.Response:
        """A page of the shop."""
        with http() as browser:
            return browser.get(self.url + path, timeout=HANG_S)

    def _put_into_cart(self, browser: requests.Session) -> None:
        catalogue = browser.get(f"{self.url}/", timeout=HANG_S)
        product = re.search(r'name="product"[^>]*value="(\d+)"', catalogue.text)
        assert product, catalogue.text[:500]
        form = {"csrfmiddlewaretoken": csrf_token(catalogue), "product": product[1]}
        assert browser.post(f"{self.url}/cart/add/", data=form, timeout=HANG_S).ok

    def _placed(self, location: str, email: str, seconds: float) -> Placed:
        assert location.startswith(f"{self.provider.url}/pay/"), location
        provider_ref = location.rpartition("/")[2]
        [(public_id,)] = self.sql("SELECT public_id FROM commerce_order WHERE email = %s", email)
        return Placed(public_id, provider_ref, email, seconds)

    # --- operators ---------------------------------------------------------------------------------------------------

    def signed_in(self) -> requests.Session:
        """An operator's browser; the web must run."""
        account = {"DJANGO_SUPERUSER_PASSWORD": PASSWORD}
        self.manage("createsuperuser", "--noinput", "--username", OPERATOR, "--email", "o@example.com", changes=account)
        browser = http()
        login = f"{self.url}/admin/login/?next=/admin/"
        form = {"username": OPERATOR, "password": PASSWORD, "next": "/admin/"}
        form["csrfmiddlewaretoken"] = csrf_token(browser.get(login, timeout=HANG_S))
        answer = browser.post(login, form, timeout=HANG_S, allow_redirects=False)
        assert answer.status_code == 302, answer.text[:500]
        return browser

    def findings(self, operator: requests.Session) -> dict[str, str] | None:
        """Problems by subject, as doctor and console show them; None while they differ, because each asks by itself."""
        doctor = json.loads(self.manage("jobs", "doctor", "--json").stdout)
        console = operator.get(f"{self.url}/admin/console/", params={"as": "json"}, timeout=HANG_S).json()["findings"]
        found = {each["about"]: each["problem"] for each in doctor}
        return found if found == {each["subject"]: each["problem"] for each in console} else None

    # --- what came of it ---------------------------------------------------------------------------------------------

    def sql(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Run a statement in the shop's database; returns its rows."""
        with psycopg.connect(self.postgres.url_of("shop"), connect_timeout=5) as connection:
            cursor = connection.execute(statement.encode(), values)
            return cursor.fetchall() if cursor.description else []

    def wait_until_settled(self, orders: Sequence[Placed], timeout_s: float = SETTLE_S) -> None:
        """Every one of the orders is paid, and nothing is left to be mailed about it."""
        wait_until(
            lambda: self.settled(orders) == len(orders), f"{len(orders)} orders were settled", timeout_s, PAUSE_S
        )

    def settled(self, orders: Sequence[Placed]) -> int:
        """How many of the orders are paid and mailed, by the shop's books."""
        [(settled,)] = self.sql(SETTLED, [order.public_id for order in orders])
        return int(settled)

    def assert_paid_and_mailed_once(self, orders: Sequence[Placed]) -> None:
        """The provider's and the mail server's own books agree: paid, with one confirmation for each."""
        refs = {payment["id"] for payment in self.provider.payments() if payment["status"] == "succeeded"}
        assert {order.provider_ref for order in orders} <= refs
        told = (mail for mail in self.mail.messages if not mail.asks_to_pay)
        mails = Counter(recipient for mail in told for recipient in mail.recipients)
        assert {order.email: mails[order.email] for order in orders} == {order.email: 1 for order in orders}

    def asked(self, order: Placed) -> list[dict[str, Any]]:
        """What the shop asked the provider about this order's payment, from the provider's journal."""
        return [entry for entry in self.provider.requests(order.provider_ref) if entry["method"] == "GET"]

    def payment_id(self, order: Placed) -> int:
        """The key of the order's payment, as messages carry it."""
        [(key,)] = self.sql("SELECT id FROM billing_payment WHERE reference = %s", order.public_id)
        return int(key)

    def make_due(self, orders: Sequence[Placed]) -> None:
        """The time of the payments' next look has come."""
        ids = [order.public_id for order in orders]
        self.sql("UPDATE billing_payment SET next_check_at = now() WHERE reference = ANY(%s)", ids)

    # --- the broker --------------------------------------------------------------------------------------------------

    def purge(self) -> None:
        """Lose every message."""
        self.rabbitmq.purge(*QUEUES)

    def publish(self, queue: str, body: bytes | dict[str, Any]) -> None:
        """Put any bytes into a queue, past Dramatiq."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        with self.channel() as channel:
            channel.basic_publish("", queue, data, pika.BasicProperties(delivery_mode=2))

    def take_all(self, queue: str) -> list[dict[str, Any]]:
        """Every message that waits in the queue, taken out of it."""
        with self.channel() as channel:
            bodies = iter(lambda: channel.basic_get(queue, auto_ack=True)[2], None)
            return [json.loads(body) for body in bodies]

    def consumers(self, queue: str) -> int:
        """How many consume the queue; 0 if it is not there, or the broker is not."""
        return self._consumers(queue)[0]

    def _consumers(self, *queues: str) -> list[int]:
        """Of each, by one connection: to make one costs the broker more than to answer."""
        try:
            with self._connection() as connection:
                return [_consumers(connection, queue) for queue in queues]
        except (AMQPError, OSError):
            return [0] * len(queues)

    @contextmanager
    def channel(self) -> Iterator[BlockingChannel]:
        """A channel with confirms."""
        with self._connection() as connection:
            channel = connection.channel()
            channel.confirm_delivery()
            yield channel

    @contextmanager
    def _connection(self) -> Iterator[pika.BlockingConnection]:
        limits = "socket_timeout=10&stack_timeout=20"
        connection = pika.BlockingConnection(pika.URLParameters(f"{self.rabbitmq.url}?{limits}"))
        try:
            yield connection
        finally:
            connection.close()


def _consumers(connection: pika.BlockingConnection, queue: str) -> int:
    try:
        return int(connection.channel().queue_declare(queue, passive=True).method.consumer_count)
    except ChannelClosedByBroker:  # there is no such queue
        return 0


def message(actor: str, *args: Any, age_s: int = 0, **changes: Any) -> dict[str, Any]:
    """A message as Dramatiq would have sent it so long ago, but for the changes."""
    return {
        "queue_name": "urgent",
        "actor_name": actor,
        "args": list(args),
        "kwargs": {},
        "options": {},
        "message_id": f"test-{next(_numbers)}",
        "message_timestamp": int((time.time() - age_s) * 1000),
        **changes,
    }


def http() -> requests.Session:
    """A browser without the proxies of this machine.

    Each request has a connection of its own, as nginx gives each POST: the web closes one that waited 2 s, and a slow
    client would send into it.
    """
    session = requests.Session()
    session.trust_env = False
    session.headers["Connection"] = "close"
    return session


def csrf_token(page: requests.Response) -> str:
    """The token of the first form on the page."""
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
    assert page.ok, f"{page.status_code} {page.url}"
    assert token, page.text[:500]
    return token[1]


def _web(house: House) -> list[str]:
    bind = house.url.removeprefix("http://")
    options = ["--bind", bind, "--worker-class", "gthread", "--threads", "8", "--worker-tmp-dir", str(house.directory)]
    return [sys.executable, "-m", "gunicorn", "config.wsgi", "-c", str(ROOT / "deploy/gunicorn.conf.py"), *options]


COMMANDS: dict[str, Callable[[House], list[str]]] = {
    "web": _web,
    "worker": lambda _: [*MANAGE, "rundramatiq", "--processes", "1", "--threads", "8", "--skip-logging"],
    "scheduler": lambda _: [*MANAGE, "runscheduler"],
}

PRODUCT = """
    WITH seller AS (
        INSERT INTO commerce_seller (name, email, language, active)
        VALUES ('Roastery', 'roastery@sellers.example.com', 'en', true) RETURNING id
    )
    INSERT INTO commerce_product (slug, name, description, picture, price_minor, currency, stock, active, seller_id)
    SELECT 'espresso', 'Espresso', '', '', 450, 'EUR', 100000, true, id FROM seller
"""

CLOSE_BREAKERS = """
    UPDATE billing_accountstate SET breaker = 'closed', errors = 0, next_probe_at = NULL, paused_until = NULL
"""

SETTLED = """
    SELECT count(*) FROM commerce_order WHERE public_id = ANY(%s) AND status = 'paid' AND 2 = (
        SELECT count(*) FROM commerce_notification WHERE order_id = commerce_order.id AND status = 'sent'
    )
"""
