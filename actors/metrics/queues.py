"""Metrics of the queues, read from the broker; correct even without workers."""

from collections.abc import Iterator

from dramatiq.common import xq_name

from actors import broker
from config.metrics.registry import BROKER, Value, reader, reading

MESSAGES_GAUGE = reading(
    "tillkeeper_queue_messages", "Messages waiting in the queue; .XQ holds the dead letters of a week.", "queue"
)
CONSUMERS_GAUGE = reading("tillkeeper_queue_consumers", "Number of processes that read the queue.", "queue")
OLDEST_SECONDS = reading(
    "tillkeeper_queue_oldest_seconds",
    "Wait of the message at its head; 0 if the queue is empty, no series without BROKER_METRICS_URL.",
    "queue",
)


@reader(BROKER)
def queues() -> Iterator[Value]:
    """The series of all declared queues. Raises BrokerSilent."""
    for queue in broker.queues():
        yield MESSAGES_GAUGE, (queue.name,), queue.ready
        yield MESSAGES_GAUGE, (xq_name(queue.name),), queue.dead
        yield CONSUMERS_GAUGE, (queue.name,), queue.consumers
        if queue.oldest_s is not None or not queue.ready:
            yield OLDEST_SECONDS, (queue.name,), queue.oldest_s or 0.0
