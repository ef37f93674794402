"""The two brokers: RabbitMQ, and an in-memory broker for the embedded mode.

Both accept only messages that Tillkeeper can have sent. With Dramatiq's own decoder, a malformed body can block a queue
for ever, kill worker threads one by one, or lose the job. Here each malformed message becomes a dead letter.
"""

import json
import time
from collections import Counter, defaultdict, deque
from functools import partial
from queue import Full
from typing import Any, cast

import dramatiq
from dramatiq.broker import Consumer, MessageProxy
from dramatiq.brokers.rabbitmq import DEAD_MESSAGE_TTL, RabbitmqBroker
from dramatiq.brokers.stub import StubBroker
from dramatiq.common import current_millis, dq_name, xq_name
from dramatiq.encoder import JSONEncoder, MessageData
from dramatiq.errors import DecodeError, QueueNotFound
from dramatiq.middleware import Middleware, SkipMessage
from pika import BasicProperties
from pika.adapters.blocking_connection import BlockingChannel

from config.health.liveness import Heartbeats
from config.messaging.address import read
from config.messaging.clock import clock
from config.messaging.consumers import InMemoryConsumer, RabbitmqConsumer

MAX_MESSAGE_BYTES = 65_536
"""A message carries a few row ids, some 300 bytes. The last release's retries add a traceback of at most 30 frames."""

MAX_DELAY_MS = 10 * 60 * 1000
"""Delayed messages sit unacknowledged in a worker's memory. No message here waits longer than a retry."""

MAX_WAITING = 10_000
"""Limit for each in-memory queue. The rows behind the messages are safe in the database."""

CONNECTION = {
    "heartbeat": "10",  # seconds; never 0, or a worker that was cut off silently stays cut off for ever
    "blocked_connection_timeout": "10",
    "connection_attempts": "1",
    "socket_timeout": "2",
    "stack_timeout": "4",
}
"""Parameters of a connection unless the broker's URL sets them."""

_FIELDS = {
    "queue_name": str,
    "actor_name": str,
    "args": list,
    "kwargs": dict,
    "options": dict,
    "message_id": str,
    "message_timestamp": int,
}

_OPTIONS = {"retries": int, "requeue_timestamp": int, "traceback": str, "eta": int}
"""The options that Dramatiq writes for retries and delays. Another option could change what an actor may do. One of a
wrong type breaks a middleware, and the job is lost silently."""


_LEFT_OUT = ("_sentry_headers", "traceback")


class StrictEncoder(JSONEncoder):
    """JSON messages with exactly Dramatiq's fields, each of its type, with ids for arguments.

    The error never repeats the body: the body may hold anything, and the error is logged.
    """

    def encode(self, data: MessageData) -> bytes:
        """Leave out Sentry's trace options, which `decode` refuses, and the traceback of Dramatiq's Retries, whose
        words may be personal: the job history has it. Nothing here uses them."""
        options = {name: value for name, value in data["options"].items() if name not in _LEFT_OUT}
        return super().encode({**data, "options": options})

    def decode(self, data: bytes) -> MessageData:
        """Raises DecodeError for every message that Tillkeeper cannot have sent."""
        try:
            body = data.decode("utf-8") if len(data) <= MAX_MESSAGE_BYTES else "null"
            message = json.loads(body, parse_constant=_refuse_constant)
        except (ValueError, RecursionError):
            message = None
        if not _well_formed(message):
            raise DecodeError(f"a body of {len(data)} bytes is not a Tillkeeper message", b"", None)
        return cast(MessageData, message)


class Rabbitmq(RabbitmqBroker):
    """RabbitmqBroker with pausable consumers and a timestamp on every message."""

    paused: frozenset[str] = frozenset()
    """The queues that this process does not read at present."""

    def __init__(self, *, url: str, ca_file: str = "", middleware: list[Middleware] | None = None) -> None:
        super().__init__(confirm_delivery=True, middleware=middleware)
        self.parameters = read(url, ca_file, defaults=CONNECTION)
        self.heartbeats = Heartbeats()
        """Of the consuming threads, by queue."""

    def consume(self, queue_name: str, prefetch: int = 1, timeout: int = 5000) -> Consumer:
        """Connect to the queue, which may take seconds."""
        self.heartbeats.beat(queue_name)
        return super().consume(queue_name, prefetch, timeout)

    @property
    def consumer_class(self) -> type:
        """Our consumer instead of Dramatiq's."""
        return RabbitmqConsumer

    def arguments_of(self, queue_name: str) -> dict[str, dict[str, Any]]:
        """The arguments that declare the queue, its delay queue and its dead-letter queue."""
        own = self._build_queue_arguments(queue_name)
        return {queue_name: own, dq_name(queue_name): own, xq_name(queue_name): {"x-message-ttl": DEAD_MESSAGE_TTL}}

    @RabbitmqBroker.channel.getter  # type: ignore[attr-defined, untyped-decorator]
    def channel(self) -> BlockingChannel:
        """The thread's channel. It stamps each message that it publishes."""
        known = getattr(self.state, "channel", None)
        channel = RabbitmqBroker.channel.fget(self)  # type: ignore[attr-defined]
        if channel is not known:
            channel.basic_publish = partial(_publish_stamped, channel.basic_publish)
        return cast(BlockingChannel, channel)


class InMemory(StubBroker):
    """The broker of the embedded mode: bounded queues in this process."""

    paused: frozenset[str] = frozenset()

    def __init__(self, middleware: list[Middleware] | None = None) -> None:
        super().__init__(middleware)
        self.consuming: Counter[str] = Counter()
        self.dead_letters_by_queue = defaultdict(lambda: cast(list[MessageProxy], deque(maxlen=100)))

    def enqueue(self, message: dramatiq.Message[Any], *, delay: int | None = None) -> dramatiq.Message[Any]:
        """Raises queue.Full if the queue holds MAX_WAITING messages. The sender then drops the nudge and counts it."""
        if self.queues[message.queue_name].qsize() >= MAX_WAITING:
            raise Full
        return super().enqueue(message, delay=delay)

    def consume(self, queue_name: str, prefetch: int = 1, timeout: int = 100) -> Consumer:
        """Raises QueueNotFound."""
        if queue_name not in self.queues:
            raise QueueNotFound(queue_name)
        self.consuming[queue_name] += 1
        dead_letters = self.dead_letters_by_queue[queue_name]
        return InMemoryConsumer(self, queue_name, self.queues[queue_name], dead_letters, prefetch, timeout)


class TooOld(SkipMessage):
    """The message waited for longer than its actor's `max_age`."""


class DropStale(Middleware):
    """Drops messages older than the actor's `max_age` (milliseconds).

    Dramatiq's AgeLimit rejects them; this middleware acknowledges them. A late nudge is not a failure, and an hour
    without workers would fill the dead letters with thousands of them.
    """

    actor_options = {"max_age"}

    def before_process_message(self, broker: dramatiq.Broker, message: MessageProxy) -> None:
        max_age = broker.get_actor(message.actor_name).options.get("max_age")
        if max_age is not None and clock.millis() - message.message_timestamp >= max_age:
            raise TooOld("too old")


def _publish_stamped(publish: Any, *, properties: BasicProperties, **words: Any) -> None:
    """Set the timestamp property, so that RabbitMQ can report the age of the oldest message."""
    properties.timestamp = int(time.time())
    publish(properties=properties, **words)


def _well_formed(message: Any) -> bool:
    return (
        isinstance(message, dict)
        and message.keys() == _FIELDS.keys()
        and all(type(message[name]) is kind for name, kind in _FIELDS.items())
        and all(type(value) in (int, str, type(None)) for value in (*message["args"], *message["kwargs"].values()))
        and _well_formed_options(message["options"])
    )


def _well_formed_options(options: dict[str, Any]) -> bool:
    """The delay is measured from now, because the message's own timestamp may lie in the year 2500. Now is this
    process's clock: Dramatiq writes and waits for delays by it."""
    known = all(type(value) is _OPTIONS.get(name) for name, value in options.items())
    latest = current_millis() + MAX_DELAY_MS
    return known and options.get("retries", 0) >= 0 and options.get("eta", 0) <= latest


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")
