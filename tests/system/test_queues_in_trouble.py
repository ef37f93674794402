"""Queues that somebody deletes at the broker, and messages that wait though workers are live: who notices."""

import json
import signal
import sys
import time
from collections.abc import Sequence
from functools import partial

import pika
import pytest
import requests
from pika.exceptions import ChannelClosedByBroker

from tests.alerts.promtool import alerts_of
from tests.stack.ports import HANG_S, wait_until
from tests.stack.processes import Program
from tests.system.house import QUEUES, ROOT, House, message

OF_QUEUES = {"QueueMissing", "QueueStuck", "QueueUnattended"}
"""Rows that earlier tests left may be late here, and have alerts of their own."""


def exists(house: House, queue: str) -> bool:
    """By RabbitMQ's own word."""
    try:
        with house.channel() as channel:
            channel.queue_declare(queue, passive=True)
    except ChannelClosedByBroker:
        return False
    return True


def all_exist(house: House, queues: Sequence[str]) -> bool:
    """Each of them."""
    return all(exists(house, queue) for queue in queues)


def delete(house: House, *queues: str) -> None:
    """As an operator may do it by mistake."""
    with house.channel() as channel:
        for queue in queues:
            channel.queue_delete(queue)


def test_each_deleted_queue_comes_back(house: House) -> None:
    """Alone and all together, whether their consumers notice it or not; dead letters are kept again."""
    house.run("worker")
    for lost in (*([queue for queue in QUEUES if queue.endswith(end)] for end in ("urgent", ".DQ", ".XQ")), QUEUES):
        delete(house, *lost)
        wait_until(partial(all_exist, house, lost), f"{lost} came back", HANG_S)
    wait_until(lambda: house.consumers("urgent") == 1, "urgent was consumed", HANG_S)
    house.publish("urgent", b"garbage")
    wait_until(lambda: house.rabbitmq.counts("urgent.XQ") == 1, "a dead letter was kept", HANG_S)
    assert house.part("worker").alive


def test_a_queue_comes_back_while_it_is_paused(house: House) -> None:
    """Nothing consumes it then, so no consumer notices."""
    house.run("worker")
    house.manage("jobs", "pause", "urgent", "--why", "a test", check=True)
    try:
        wait_until(lambda: house.consumers("urgent") == 0, "the pause took effect", HANG_S)
        delete(house, "urgent")
        wait_until(lambda: exists(house, "urgent"), "it came back", HANG_S)
    finally:
        house.manage("jobs", "resume", "urgent", check=True)
    wait_until(lambda: house.consumers("urgent") == 1, "it was consumed again", HANG_S)


def test_a_queue_with_other_arguments_is_left_alone(house: House) -> None:
    """Its workers live on, and what is missing beside it comes back."""
    house.run("worker")
    with house.channel() as channel:
        channel.queue_delete("urgent.XQ")
        channel.queue_declare("urgent.XQ", durable=True, arguments={"x-message-ttl": 1_000_000})
        channel.queue_delete("routine.XQ")
    try:
        wait_until(lambda: exists(house, "routine.XQ"), "the other one came back", HANG_S)
        assert house.consumers("urgent") == 1
        assert house.part("worker").alive
        with house.channel() as channel, pytest.raises(ChannelClosedByBroker, match="inequivalent"):
            channel.queue_declare("urgent.XQ", durable=True)
    finally:
        delete(house, "urgent.XQ")


def test_a_missing_queue_is_told_everywhere(house: House) -> None:
    """RabbitMQ refuses to make it again, until the user has the rights. The web serves customers without it."""
    house.run("web", "worker", "scheduler")
    operator, before = house.signed_in(), house.pages()
    try:
        house.rabbitmq.ctl("set_permissions", "-p", "/", "till", "^$", ".*", ".*")
        delete(house, "urgent.XQ")  # last: the command takes seconds, and the worker would have made the queue again
        wait_until(lambda: house.unready("worker") == ["queues"], "the worker was not ready", HANG_S)
        wait_until_told(house, operator, "missing at the broker: urgent.XQ")
        assert [there(house, queue) for queue in QUEUES] == [queue != "urgent.XQ" for queue in QUEUES]
        assert alerts_of(before, house.pages()) & OF_QUEUES == {"QueueMissing"}
        assert house.unready("web") == []
        assert "ACCESS_REFUSED" in house.part("worker").output()
    finally:
        house.rabbitmq.ctl("import_definitions", str(house.rabbitmq.directory / "definitions.json"))
    wait_until(lambda: house.unready("worker") == [], "the worker was ready", HANG_S)
    wait_until(lambda: there(house, "urgent.XQ"), "its metric was right", HANG_S)
    assert "missing at the broker" not in house.manage("jobs", "doctor").stdout


def wait_until_told(house: House, operator: requests.Session, problem: str) -> None:
    """Doctor and console say it of the queue for urgent messages."""
    wait_until(lambda: (house.findings(operator) or {}).get("queue urgent") == problem, f"both said: {problem}", HANG_S)


def there(house: House, queue: str) -> bool:
    """By the metrics that the alert reads."""
    return house.metrics("scheduler").sum("tillkeeper_queue_exists", queue=queue) == 1


@pytest.mark.parametrize(
    ("illness", "problem"),
    [
        ("job_hangs", "its messages wait, and all threads of its workers are busy: stuck"),
        ("consumer_hangs", "its messages wait, though its workers have idle threads"),
    ],
)
def test_messages_that_wait_for_a_live_worker_are_told_everywhere(house: House, illness: str, problem: str) -> None:
    """Two jobs hold all threads of the only worker, or it does not come back for more. It is ready while it is live:
    `test_probes.py` waits until it is not."""
    house.run("web", "scheduler")
    command = [sys.executable, "-m", "tests.system.sick_worker", illness]
    environment = house.environment | {"STALL_LIMIT_S": "3600"}
    with Program("sick", command, environment, ROOT, house.directory / "sick.log") as worker:
        wait_until(lambda: house.consumers("urgent") == 1, "it consumed", HANG_S)
        wait_until(lambda: house.unready("worker") == [], "it was ready", HANG_S)
        operator, before = house.signed_in(), house.pages()
        worker.send(signal.SIGUSR1)
        if illness == "job_hangs":
            wait_until(lambda: hanging(house) == 1, "a job hung", HANG_S)
            worker.send(signal.SIGUSR1)
            wait_until(lambda: hanging(house) == 2, "two jobs hung", HANG_S)
        house.sql("UPDATE actors_worker SET started_at = now() - interval '2 minutes'")
        house.rabbitmq.purge("urgent")  # what is younger would stand before them
        publish_old(house, 10)
        wait_until_told(house, operator, problem)
        assert alerts_of(before, house.pages()) & OF_QUEUES == {"QueueStuck"}
        assert house.unready("worker") == house.unready("web") == []
        worker.kill()  # it would wait for its jobs


def hanging(house: House) -> int:
    """Jobs that never end, by the worker's heartbeat."""
    active = json.loads(house.manage("jobs", "active", "--json").stdout)
    return sum(job["actor"] == "stuck" for job in active)


def publish_old(house: House, messages: int) -> None:
    """As if they had been sent two minutes ago."""
    with house.channel() as channel:
        for _ in range(messages):
            body = json.dumps(message("check_payment", 1, age_s=120)).encode()
            channel.basic_publish("", "urgent", body, pika.BasicProperties(timestamp=int(time.time()) - 120))
