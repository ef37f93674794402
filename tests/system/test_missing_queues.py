"""Queues that somebody deletes at the broker: who notices, and how they come back."""

import pytest
from pika.exceptions import ChannelClosedByBroker

from tests.stack.ports import HANG_S, wait_until
from tests.system.house import QUEUES, House


def exists(house: House, queue: str) -> bool:
    """By RabbitMQ's own word."""
    try:
        with house.channel() as channel:
            channel.queue_declare(queue, passive=True)
    except ChannelClosedByBroker:
        return False
    return True


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
        wait_until(lambda lost=lost: all(exists(house, queue) for queue in lost), f"{lost} came back", HANG_S)
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
