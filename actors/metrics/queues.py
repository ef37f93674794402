"""The queues, asked from the broker itself."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from queue import Queue

import dramatiq
import pika
from dramatiq.brokers.rabbitmq import RabbitmqBroker
from dramatiq.common import current_millis, dq_name, xq_name
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import ChannelClosedByBroker

from config.broker import InMemory
from config.metrics import BROKER, Value, reader, reading

READY = reading(
    "tillkeeper_queue_messages", "Messages that wait in the queue; .XQ holds the dead letters of a week.", "queue"
)
CONSUMERS = reading("tillkeeper_queue_consumers", "How many processes read the queue.", "queue")
OLDEST = reading("tillkeeper_queue_oldest_seconds", "Age of the message at its head; 0 if it is empty.", "queue")


@dataclass(frozen=True)
class Depth:
    """One queue; `oldest_s` is None for queues whose age says nothing: delayed and dead messages are old."""

    name: str
    ready: int
    consumers: int
    oldest_s: float | None


@reader(BROKER)
def queues() -> Iterator[Value]:
    """Of the queues that actors declare, those beside them included."""
    broker = dramatiq.get_broker()
    for depth in _depths(broker):
        yield READY, (depth.name,), depth.ready
        yield CONSUMERS, (depth.name,), depth.consumers
        if depth.oldest_s is not None:
            yield OLDEST, (depth.name,), depth.oldest_s


def _depths(broker: dramatiq.Broker) -> Iterator[Depth]:
    if isinstance(broker, InMemory):
        yield from _in_memory(broker)
    elif isinstance(broker, RabbitmqBroker):
        yield from _in_rabbitmq(broker)


def _in_memory(broker: InMemory) -> Iterator[Depth]:
    """Here its own threads are the consumers; what is delayed waits in their memory, as with RabbitMQ."""
    for name in sorted(broker.queues):
        waiting = broker.queues[name]
        oldest_s = None if name in broker.delay_queues else _head_s(waiting)
        yield Depth(name, waiting.qsize(), 1, oldest_s)


def _head_s(waiting: "Queue[bytes]") -> float:
    with waiting.mutex:
        head = waiting.queue[0] if waiting.queue else None
    return _age_s(head) if head else 0.0


def _in_rabbitmq(broker: RabbitmqBroker) -> Iterator[Depth]:
    """Over a connection of its own, whose timeouts are short: see `config.broker.CONNECTION`."""
    with pika.BlockingConnection(broker.parameters) as connection:
        for queue in sorted(broker.get_declared_queues()):
            for name in (queue, dq_name(queue), xq_name(queue)):
                try:
                    yield _declared(connection.channel(), name, has_age=name == queue)
                except ChannelClosedByBroker:
                    continue  # nobody has declared it yet: no worker has ever run


def _declared(channel: BlockingChannel, name: str, *, has_age: bool) -> Depth:
    found = channel.queue_declare(name, passive=True).method
    oldest_s = (_peek_s(channel, name) if found.message_count else 0.0) if has_age else None
    return Depth(name, found.message_count, found.consumer_count, oldest_s)


def _peek_s(channel: BlockingChannel, name: str) -> float:
    """Age of the head, in seconds. RabbitMQ puts a message that is given back at once where it was."""
    got, _properties, body = channel.basic_get(name)
    if got is None:
        return 0.0  # a worker was quicker
    channel.basic_nack(got.delivery_tag, requeue=True)
    return _age_s(body)


def _age_s(body: bytes) -> float:
    """What others have put there, and cannot be read, has no age."""
    try:
        sent_ms = int(json.loads(body)["message_timestamp"])
        return max(0.0, (current_millis() - sent_ms) / 1000)
    except (ValueError, TypeError, KeyError, RecursionError):
        return 0.0
