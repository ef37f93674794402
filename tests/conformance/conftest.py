"""Every test that asks for `case` runs once for each provider in the registry."""

from collections.abc import Iterator

import pytest
from pytest_django.fixtures import Settings

from billing.providers import http
from tests.conformance.cases import CASES, Case


@pytest.fixture(params=sorted(CASES))
def case(request: pytest.FixtureRequest, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Case]:
    """The provider, running. A slow machine is given time; a test of a timeout shortens it."""
    settings.PAYMENT_API_TIMEOUT_S = 30
    monkeypatch.setattr(http, "LONGEST_ANSWER_BYTES", 60_000)
    with CASES[request.param]() as case:
        yield case
