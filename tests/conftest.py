"""What tests share. Folders say what a test needs: `unit` nothing, `database` a database, `system` the rest."""

import fcntl
import os
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path

import dramatiq
import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import translation
from pytest_django.fixtures import Settings

from actors.operations.queries import cached_query
from actors.operations.queries.queues import expire
from billing.limits import breaker
from billing.payments import sweep
from billing.providers import provider_of
from billing.sandbox import SandboxServer
from config.due import shutting_down
from config.messaging.nudges import publisher
from tests.consoles import fired_until, worker
from tests.embedded import Embedded
from tests.faces import Faces, Found, findings
from tests.shop import Shop, sandbox_account

TESTS = Path(__file__).parent
NEEDS_TRANSACTIONS = ("database", "system")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests with a database commit for real: what happens after a commit, and in other threads, is what they try."""
    for item in items:
        if Path(item.path).relative_to(TESTS).parts[0] in NEEDS_TRANSACTIONS and not item.get_closest_marker(
            "django_db"
        ):
            item.add_marker(pytest.mark.django_db(transaction=True))


@pytest.fixture(autouse=True)
def _no_messages_left() -> Iterator[None]:
    """Nudges of one test must not reach the next."""
    yield
    publisher.flush(timeout_s=20)
    shutting_down.clear()
    dramatiq.get_broker().flush_all()


@pytest.fixture(autouse=True)
def _no_language_left() -> Iterator[None]:
    """A page leaves its visitor's language with the thread, until the next visitor comes; a test may not be one."""
    yield
    translation.deactivate()


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data of an embedded shop before its first start, made once for all processes of the run; copy it."""
    own = tmp_path_factory.getbasetemp()
    shared = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    with (shared / "prepared.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (var := shared / "prepared").exists():
            Embedded(made := tmp_path_factory.mktemp("making"), mail_port=9).prepare()
            made.rename(var)
    return var


@pytest.fixture(scope="session")
def sandbox_server() -> Iterator[SandboxServer]:
    """The provider, for all tests of the run."""
    with SandboxServer() as server:
        yield server


@pytest.fixture
def sandbox(sandbox_server: SandboxServer, settings: Settings) -> Iterator[SandboxServer]:
    """The provider, well-behaved, with empty books, and the shop's only one; it sends no callbacks unless told to."""
    settings.PAYMENT_ACCOUNTS = {"sandbox": sandbox_account(sandbox_server)}
    _forget_connections()
    sandbox_server.ledger.forget()
    sandbox_server.callbacks(lose_all=True)
    yield sandbox_server
    sandbox_server.clear_faults()
    sandbox_server.end_outage()
    sandbox_server.refunds_start_as("succeeded")
    _forget_connections()


@pytest.fixture
def shop(sandbox: SandboxServer) -> Shop:
    """A shop with something to sell, and hands to do what customers and sweeps do."""
    return Shop(sandbox)


@pytest.fixture
def boss(client: Client) -> Client:
    """Who may do everything."""
    client.force_login(User.objects.create(username="boss", is_staff=True, is_superuser=True))
    return client


@pytest.fixture
def found(boss: Client, monkeypatch: pytest.MonkeyPatch) -> Found:
    """What doctor and console show: problems by subject."""
    monkeypatch.setattr(cached_query, "PATIENCE_S", 20.0)
    expire()
    return partial(findings, boss)


@pytest.fixture
def calm(shop: Shop) -> None:
    """A house in which nothing is wrong."""
    worker(queues=["urgent", "routine"])
    fired_until(timedelta(0))


@pytest.fixture
def faces(calm: None, boss: Client, found: Found) -> Faces:
    """The four places where a fault is seen, in a house in which nothing is wrong yet."""
    return Faces(boss, found)


def _forget_connections() -> None:
    """Adapters and lanes are made once per process, from the settings of that moment."""
    provider_of.cache_clear()
    sweep.lane.cache_clear()
    breaker.seen.clear()
