"""The provider and a shop, afresh for each test."""

from collections.abc import Iterator

import pytest

from billing.sandbox import SandboxServer, webhook_delivery
from tests.merchants import Shop


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    with SandboxServer() as server:
        yield server


@pytest.fixture
def shop() -> Iterator[Shop]:
    shop = Shop()
    yield shop
    shop.close()


@pytest.fixture
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook_delivery, "RETRY_AFTER_S", (0.05, 0.05, 0.05))
