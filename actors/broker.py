"""The state of the queues, for both brokers. A query never hangs.

Depth and consumers come over AMQP, by declaring each queue passively. Only RabbitMQ's plugin rabbitmq_prometheus knows
how many messages workers hold, and how old the oldest waiting one is. Without BROKER_METRICS_URL both are None.
"""

import logging
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import dramatiq
import pika
import requests
from django.conf import settings
from django.utils.translation import gettext_noop
from dramatiq.common import dq_name, xq_name
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import ChannelClosedByBroker
from pika.spec import Queue

from config.actions import RefusedForAll
from config.formats.sentences import stored
from config.messaging import address
from config.messaging.broker import InMemory, Rabbitmq

log = logging.getLogger(__name__)

LIMITS = {
    "connection_attempts": "1",
    "socket_timeout": "2",
    "stack_timeout": "3",
    "blocked_connection_timeout": "3",
    "heartbeat": "2",  # a broker that falls silent is given up after some 4 s
}

METRICS_TIMEOUT_S = 2.0
METRICS_BYTES = 4_000_000

_SAMPLE = re.compile(r'^rabbitmq_detailed_queue_(\w+)\{vhost="([^"]*)",queue="([^"]*)"\} (\S+)$', re.MULTILINE)

Message = dramatiq.Message[Any]


SILENT = stored(gettext_noop("RabbitMQ at %(where)s does not answer (%(error)s); see BROKER_URL."))


class BrokerSilent(RefusedForAll):
    """The broker does not answer. The message says which one, and what to check."""


@dataclass(frozen=True)
class QueueFacts:
    """One queue. Delayed retries count as unacked of the delay queue only.

    `unacked`: messages that workers hold; `oldest_s`: the wait of the oldest message. Both are None if unknown.
    `missing`: it, its delay or its dead-letter queue, if it does not exist; the counts of a missing queue are 0.
    """

    name: str
    ready: int
    unacked: int | None
    consumers: int
    oldest_s: float | None
    dead: int
    missing: tuple[str, ...]


def queues() -> list[QueueFacts]:
    """All queues of the actors, by name. Takes some seconds. Raises BrokerSilent."""
    broker = dramatiq.get_broker()
    if isinstance(broker, InMemory):
        return [_in_memory(broker, name) for name in queue_names()]
    with channel() as asking:
        parts = {name: _parts(asking, name) for name in queue_names()}
    told = metrics()
    return [_facts(name, found, told) for name, found in parts.items()]


def queue_names() -> list[str]:
    """The queues of the actors, without their delay and dead-letter queues."""
    return sorted(name for name in dramatiq.get_broker().get_declared_queues() if not name.endswith(".DQ"))


@contextmanager
def channel() -> Iterator[BlockingChannel]:
    """A new channel, with confirms, on a connection with short timeouts. Raises BrokerSilent."""
    try:
        connection = pika.BlockingConnection(address.ours(limits=LIMITS))
    except Exception as error:  # a silent peer raises errors outside of pika's own tree
        raise _silent(error) from None
    try:
        opened = connection.channel()
        opened.confirm_delivery()
        yield opened
    except pika.exceptions.AMQPError as error:
        raise _silent(error) from None
    finally:
        if connection.is_open:
            connection.close()


def in_this_process() -> bool:
    """Is the broker inside this process? Then other processes see other queues."""
    return isinstance(dramatiq.get_broker(), InMemory)


def send(message: Message) -> None:
    """Put a message into its queue now, for a waiting person. Raises BrokerSilent, or queue.Full in memory."""
    broker = dramatiq.get_broker()
    if isinstance(broker, InMemory):
        broker.enqueue(message)
        return
    with channel() as sending:
        publish(sending, message)


def publish(over: BlockingChannel, message: Message) -> None:
    """Publish over a connection with short timeouts, unlike Dramatiq's own. Returns after RabbitMQ's confirm."""
    properties = pika.BasicProperties(delivery_mode=2, timestamp=int(time.time()))
    over.basic_publish("", message.queue_name, message.encode(), properties, mandatory=True)


def refusal(queue: str, arguments: dict[str, Any]) -> str:
    """RabbitMQ's reason not to declare this queue; empty if it would, or if the queue is new. Raises BrokerSilent."""
    with channel() as asking:
        return _declare(asking, queue, arguments) if _look(asking, queue) else ""


def make_missing(queues: Iterable[str]) -> dict[str, str]:
    """Declare those of the queues, their delay and their dead-letter queues that do not exist.

    Returns RabbitMQ's reasons by the queues that it refuses. A queue that exists is left alone, with any arguments.
    Raises BrokerSilent.
    """
    broker, refused = cast(Rabbitmq, dramatiq.get_broker()), dict[str, str]()
    with channel() as asking:
        for name, arguments in (each for queue in queues for each in broker.arguments_of(queue).items()):
            if _look(asking, name):
                continue
            if why := _declare(asking, name, arguments):
                refused[name] = why
            log.log(logging.ERROR if why else logging.WARNING, "queue.missing", extra={"queue": name, "refused": why})
    return refused


def _look(asking: BlockingChannel, queue: str) -> Queue.DeclareOk | None:
    """What RabbitMQ knows about the queue; None if it does not exist. The broker closes the channel then."""
    with asking.connection.channel() as own:
        try:
            return cast(Queue.DeclareOk, own.queue_declare(queue, passive=True).method)
        except ChannelClosedByBroker:
            return None


def _declare(asking: BlockingChannel, queue: str, arguments: dict[str, Any]) -> str:
    """RabbitMQ's reason to refuse; empty if the queue exists now."""
    with asking.connection.channel() as own:
        try:
            own.queue_declare(queue, durable=True, arguments=arguments)
        except ChannelClosedByBroker as error:
            return str(error.reply_text)[:200]
    return ""


def _parts(asking: BlockingChannel, name: str) -> dict[str, Queue.DeclareOk | None]:
    """What RabbitMQ knows about the queue, its delay and its dead-letter queue."""
    return {part: _look(asking, part) for part in (name, dq_name(name), xq_name(name))}


def _facts(name: str, parts: Mapping[str, Queue.DeclareOk | None], told: Mapping[tuple[str, str], int]) -> QueueFacts:
    own, dead = parts[name], parts[xq_name(name)]
    ready, consumers = (own.message_count, own.consumer_count) if own else (0, 0)
    missing = tuple(part for part, found in parts.items() if found is None)
    unacked, oldest_s = told.get(("unacked", name)), _age(told, name, ready)
    return QueueFacts(name, ready, unacked, consumers, oldest_s, dead.message_count if dead else 0, missing)


def _in_memory(broker: InMemory, name: str) -> QueueFacts:
    """Its consumers are threads of this process. Its messages carry the time of sending."""
    waiting = broker.queues[name]
    with waiting.mutex:
        ready, oldest = len(waiting.queue), waiting.queue[0] if waiting.queue else None
        held = waiting.unfinished_tasks - ready
    sent_ms = dramatiq.Message.decode(oldest).message_timestamp if oldest else None
    oldest_s = max(0.0, time.time() - sent_ms / 1000) if sent_ms else None
    return QueueFacts(name, ready, held, broker.consuming[name], oldest_s, len(broker.dead_letters_by_queue[name]), ())


def metrics() -> dict[tuple[str, str], int]:
    """The plugin's samples, by (figure, queue); empty if it is not configured or does not answer."""
    if not settings.BROKER_METRICS_URL:
        return {}
    families = [("family", "queue_coarse_metrics"), ("family", "queue_metrics")]
    try:
        with requests.Session() as session:
            session.trust_env = False
            page = f"{settings.BROKER_METRICS_URL}/metrics/detailed"
            answer = session.get(page, params=families, timeout=METRICS_TIMEOUT_S)
        answer.raise_for_status()
    except requests.RequestException:
        return {}
    return dict(_samples(answer.text[:METRICS_BYTES]))


def _samples(text: str) -> Iterator[tuple[tuple[str, str], int]]:
    names = {"messages_unacked": "unacked", "head_message_timestamp": "oldest"}
    ours = address.ours().virtual_host
    for figure, vhost, queue, value in _SAMPLE.findall(text):
        if figure in names and vhost == ours and value not in ("NaN", "undefined"):
            yield (names[figure], queue), int(float(value))


def _age(told: Mapping[tuple[str, str], int], name: str, ready: int) -> float | None:
    """RabbitMQ knows when the message at the head was published, to the second."""
    published = told.get(("oldest", name))
    return max(0.0, time.time() - published) if ready and published else None


def _silent(error: Exception) -> BrokerSilent:
    return BrokerSilent(SILENT % {"where": address.where(), "error": type(error).__name__})
