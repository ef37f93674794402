"""What the shop's user may do at the broker, and what a queue does that nobody reads."""

import json
from contextlib import closing

import pika
import pytest
from pika.exceptions import ChannelClosedByBroker, NackError, ProbableAuthenticationError

from actors.management.commands.rabbitmqconf import definitions
from config.messaging.broker import MAX_WAITING
from tests.stack.ports import wait_until
from tests.system.house import House


def channel_of(url: str) -> pika.adapters.blocking_connection.BlockingChannel:
    """A channel of a connection of its own."""
    return pika.BlockingConnection(pika.URLParameters(f"{url}?socket_timeout=10&stack_timeout=20")).channel()


@pytest.mark.parametrize("queue", ["orders_of_another_shop", "urgent.copy"])
def test_the_user_may_not_declare_other_queues(house: House, queue: str) -> None:
    """Nor read what they hold."""
    channel = channel_of(house.broker_url)
    with closing(channel.connection), pytest.raises(ChannelClosedByBroker, match="ACCESS_REFUSED"):
        channel.queue_declare(queue)


def test_another_password_is_refused(house: House) -> None:
    """The salted hash that was loaded is the one of the URL's password."""
    with pytest.raises(ProbableAuthenticationError):
        channel_of(house.broker_url.replace("s%40cret", "secret"))


def test_a_queue_that_nobody_reads_refuses_at_last(house: House) -> None:
    """What is refused is no dead letter: the next sweep finds the row."""
    house.run("worker")
    house.run()
    house.purge()
    channel = channel_of(house.rabbitmq.url)
    with closing(channel.connection):
        for _ in range(MAX_WAITING + 100):
            channel.basic_publish("", "routine", b"{}")
        channel.confirm_delivery()
        with pytest.raises(NackError):
            channel.basic_publish("", "routine", b"{}")

    assert house.rabbitmq.counts("routine") == MAX_WAITING
    assert house.rabbitmq.counts("routine.XQ") == 0
    house.purge()
    wait_until(lambda: house.rabbitmq.counts("routine") == 0, "the queue was emptied")


def test_the_command_prints_what_was_loaded_here(house: House) -> None:
    """But for the salt, which is another one each time, and with no password in it."""
    printed = house.manage("rabbitmqconf", check=True).stdout

    def without_hash(found: dict[str, list[dict[str, object]]]) -> object:
        return {**found, "users": [{**user, "password_hash": ""} for user in found["users"]]}

    assert without_hash(json.loads(printed)) == without_hash(definitions(house.broker_url))
    assert (
        json.loads(printed)["users"][0]["password_hash"] != definitions(house.broker_url)["users"][0]["password_hash"]
    )
    assert "s@cret" not in printed
    assert "s%40cret" not in printed
