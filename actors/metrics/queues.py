"""The queues, as the broker itself tells of them; true with no worker alive."""

from collections.abc import Iterator

from dramatiq.common import xq_name

from actors.operations import broker
from config.metrics.registry import BROKER, Value, reader, reading

READY = reading(
    "tillkeeper_queue_messages", "Messages that wait in the queue; .XQ holds the dead letters of a week.", "queue"
)
CONSUMERS = reading("tillkeeper_queue_consumers", "How many processes read the queue.", "queue")
OLDEST = reading(
    "tillkeeper_queue_oldest_seconds",
    "How long the message at its head has waited; 0 if it is empty, no series where RabbitMQ is not asked for it.",
    "queue",
)


@reader(BROKER)
def queues() -> Iterator[Value]:
    """Of the queues that actors declare. Raises BrokerSilent."""
    for queue in broker.queues():
        yield READY, (queue.name,), queue.ready
        yield READY, (xq_name(queue.name),), queue.dead
        yield CONSUMERS, (queue.name,), queue.consumers
        if queue.oldest_s is not None or not queue.ready:
            yield OLDEST, (queue.name,), queue.oldest_s or 0.0
