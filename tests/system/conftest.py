"""One house for all tests; each finds it tidy and at rest, and says which parts shall run."""

from collections.abc import Iterator

import pytest

from tests.system.house import House


@pytest.fixture(scope="session")
def _house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with House(tmp_path_factory.mktemp("house")) as house:
        yield house


@pytest.fixture
def house(_house: House) -> House:
    """The house at rest, with an honest provider that tells everything, no mails, and no messages that nobody wants.

    No part runs: one of an earlier test would be at work while the rest is tidied up, and its next message, mail or
    number would be taken for this test's own.
    """
    _house.provider.clear_faults()  # or a part would wait for an answer before it stops
    _house.provider.end_outage()
    _house.run()
    _house.tidy()
    return _house


@pytest.fixture
def full_house(house: House) -> House:
    """Everything runs."""
    house.run("web", "worker", "scheduler")
    return house
