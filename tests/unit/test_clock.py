"""The clock that all processes agree on."""

import logging
import time
from datetime import UTC, datetime, timedelta

import pytest

from config.messaging.clock import Clock

HOUR = timedelta(hours=1)


@pytest.mark.parametrize("wrong_by", [HOUR, -HOUR], ids=["behind", "ahead"])
def test_it_follows_the_database(wrong_by: timedelta) -> None:
    """However wrong this process's own clock is."""
    clock = Clock()
    clock.compare(datetime.now(UTC) + wrong_by)

    assert clock.millis() / 1000 == pytest.approx(time.time() + wrong_by.total_seconds(), abs=1)
    assert clock.ahead_s == pytest.approx(-wrong_by.total_seconds(), abs=1)


def test_one_that_has_not_compared_goes_by_its_own() -> None:
    """There is no other."""
    assert Clock().millis() / 1000 == pytest.approx(time.time(), abs=1)


def test_the_log_tells_of_each_change_once(caplog: pytest.LogCaptureFixture) -> None:
    """And not of every comparison."""
    clock = Clock()
    with caplog.at_level(logging.INFO, logger="config.messaging.clock"):
        for told in (timedelta(), HOUR, HOUR, -HOUR, timedelta(), timedelta()):
            clock.compare(datetime.now(UTC) + told)

    assert [record.getMessage() for record in caplog.records] == ["clock.wrong", "clock.wrong", "clock.right"]
