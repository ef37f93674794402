"""How old the oldest message is, as RabbitMQ's own plugin tells it."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.embedded import ROOT
from tests.stack.ports import HANG_S, wait_until
from tests.stack.processes import Program
from tests.stack.rabbitmq import RabbitMQ
from tests.system.house import MANAGE

pytestmark = pytest.mark.django_db(transaction=False)

SEND = "import dramatiq; dramatiq.get_broker().get_actor('check_payment').send(1)"


@pytest.fixture(scope="module")
def rabbitmq() -> Iterator[RabbitMQ]:
    """A broker that tells about its queues."""
    with RabbitMQ(plugins=["rabbitmq_prometheus"]) as server:
        yield server


def manage(rabbitmq: RabbitMQ, var: Path, *words: str, metrics: str = "") -> str:
    """A management command, on SQLite, with this broker; returns what it says."""
    settings = {"VAR_DIR": str(var), "BROKER_URL": rabbitmq.url, "BROKER_METRICS_URL": metrics}
    with Program(words[0], [*MANAGE, *words], {"PATH": os.environ["PATH"], **settings}, ROOT) as program:
        assert program.wait(HANG_S) == 0, program.output()
        return program.output()


def test_the_age_of_the_oldest_message_is_known_with_no_worker_alive(rabbitmq: RabbitMQ, tmp_path: Path) -> None:
    """From the time that our broker writes on each message."""
    manage(rabbitmq, tmp_path, "shell", "--verbosity", "0", "-c", SEND)
    metrics = rabbitmq.prometheus_url.removesuffix("/metrics")

    def urgent(address: str = metrics) -> dict[str, float | None]:
        found = json.loads(manage(rabbitmq, tmp_path, "jobs", "queues", "--json", metrics=address))
        return next(queue for queue in found if queue["name"] == "urgent")

    told: list[dict[str, float | None]] = []

    def grew_older() -> bool:
        """Without those answers for which the plugin was too slow."""
        told.extend(queue for queue in [urgent()] if queue["oldest_s"] is not None)
        return len(told) > 1 and (told[-1]["oldest_s"] or 0) > (told[0]["oldest_s"] or 0)

    wait_until(grew_older, "the plugin told the age, and that it grew")
    assert 0 < (told[0]["oldest_s"] or 0) < 120
    assert told[-1]["ready"] == 1
    assert told[-1]["unacked"] == 0
    for nowhere in ("", "http://127.0.0.1:9"):
        assert urgent(nowhere)["oldest_s"] is None
        assert urgent(nowhere)["unacked"] is None
