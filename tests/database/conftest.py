"""Accounts, and worlds for tests that let a whole shop go wrong."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial

import pytest
from pytest_django.fixtures import Settings

from billing.limits import breaker
from billing.reconciliation import runs
from billing.sandbox import SandboxServer
from tests.mailing import mail_server
from tests.metrics import Counted
from tests.money.world import World
from tests.shop import sandbox_account


@pytest.fixture
def account_at_rest(sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """No limit, three errors in a row open its breaker, and the provider has not counted a call yet."""
    monkeypatch.setattr(breaker, "ERRORS_TO_OPEN", 3)
    monkeypatch.setattr(breaker, "PROBE_S", 60)
    sandbox.journal.clear()


@pytest.fixture
def other(sandbox: SandboxServer, settings: Settings) -> Iterator[SandboxServer]:
    """The server of a second account."""
    with SandboxServer() as server:
        settings.PAYMENT_ACCOUNTS = settings.PAYMENT_ACCOUNTS | {"other": sandbox_account(server)}
        yield server


@pytest.fixture
def night(monkeypatch: pytest.MonkeyPatch) -> None:
    """Yesterday may be compared, also in the first hour of a day."""
    monkeypatch.setattr(runs, "DELAY", timedelta())


@pytest.fixture
def make_world(settings: Settings) -> Iterator[Callable[..., World]]:
    """Each example has one of its own; the mail server is for all of them."""
    with mail_server(settings) as mail:
        yield partial(World, settings, mail)


@pytest.fixture
def world(make_world: Callable[..., World]) -> Iterator[World]:
    """One with goods for everybody."""
    world = make_world(stock=100)
    yield world
    world.close()


@pytest.fixture
def counted(db: None) -> Counted:
    """What is counted from now on."""
    return Counted()
