"""The two brokers: RabbitMQ, and the one inside the process for the embedded mode.

Both read only messages that Tillkeeper could have sent. With the stock decoder a malformed body can block a queue for
ever, kill worker threads one by one, or lose the job; here every one of them becomes a dead letter and blocks nobody.
"""

import json
import time
from collections import Counter, defaultdict, deque
from functools import partial
from queue import Full
from typing import Any, cast
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

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

from config.health.heartbeats import Heartbeats
from config.messaging.clock import clock
from config.messaging.consumers import InMemoryConsumer, RabbitmqConsumer

MAX_MESSAGE_BYTES = 65_536
"""A message carries a few row ids, some 300 bytes; retries add a traceback of at most 30 frames."""

MAX_DELAY_MS = 10 * 60 * 1000
"""Delayed messages sit unacknowledged in a worker's memory; nothing here waits longer than a retry does."""

MOST_WAITING = 10_000
"""So many messages may wait in a queue; the rows they point at are safe in the database."""

CONNECTION = {
    "heartbeat": "10",  # seconds; never 0, or a worker that was cut off silently stays cut off for ever
    "blocked_connection_timeout": "10",
    "connection_attempts": "1",
    "socket_timeout": "2",
    "stack_timeout": "4",
}
"""Sent along in the broker's URL unless it says otherwise."""

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
"""Dramatiq's own notes on retries and delays. Any other option could change what an actor may do; of a wrong type, it
breaks a middleware, and the job is lost silently.
"""


class StrictEncoder(JSONEncoder):
    """JSON messages with exactly Dramatiq's fields, each of its type, with ids for arguments.

    The error never repeats the body: it may hold anything, and it would stand in the log.
    """

    def encode(self, data: MessageData) -> bytes:
        """Without Sentry's notes on what led to what: `decode` knows none of them, and nobody here follows them up."""
        options = {name: value for name, value in data["options"].items() if name != "_sentry_headers"}
        return super().encode({**data, "options": options})

    def decode(self, data: bytes) -> MessageData:
        """Raises DecodeError for everything that Tillkeeper cannot have sent."""
        problem = f"a body of {len(data)} bytes is no message of ours"
        try:
            message = self._parse(data)
        except (ValueError, RecursionError):
            raise DecodeError(problem, b"", None) from None
        if not _well_formed(message):
            raise DecodeError(problem, b"", None)
        return cast(MessageData, message)

    def _parse(self, data: bytes) -> Any:
        if len(data) > MAX_MESSAGE_BYTES:
            raise ValueError("too long")
        return json.loads(data.decode("utf-8"), parse_constant=_refuse_constant)


class Rabbitmq(RabbitmqBroker):
    """RabbitmqBroker with consumers that can be paused, and a time on every message that RabbitMQ can read."""

    paused: frozenset[str] = frozenset()
    """The queues from which this process takes nothing at present."""

    def __init__(self, *, url: str, middleware: list[Middleware] | None = None) -> None:
        super().__init__(url=with_defaults(url), confirm_delivery=True, middleware=middleware)
        self.turns = Heartbeats()
        """Of the threads that consume, by queue."""

    def consume(self, queue_name: str, prefetch: int = 1, timeout: int = 5000) -> Consumer:
        """Connect to the queue, which may take seconds."""
        self.turns.note(queue_name)
        return super().consume(queue_name, prefetch, timeout)

    @property
    def consumer_class(self) -> type:
        """Ours, in place of the stock ones."""
        return RabbitmqConsumer

    def arguments_of(self, queue_name: str) -> dict[str, dict[str, Any]]:
        """With which arguments the queue is declared, its delay queue, and that of its dead letters."""
        own = self._build_queue_arguments(queue_name)
        return {queue_name: own, dq_name(queue_name): own, xq_name(queue_name): {"x-message-ttl": DEAD_MESSAGE_TTL}}

    @RabbitmqBroker.channel.getter  # type: ignore[attr-defined, untyped-decorator]
    def channel(self) -> BlockingChannel:
        """The thread's channel; what it publishes is stamped."""
        known = getattr(self.state, "channel", None)
        channel = RabbitmqBroker.channel.fget(self)  # type: ignore[attr-defined]
        if channel is not known:
            channel.basic_publish = partial(_publish_stamped, channel.basic_publish)
        return cast(BlockingChannel, channel)


class InMemory(StubBroker):
    """The broker of the embedded mode: queues of bounded length inside this process."""

    paused: frozenset[str] = frozenset()

    def __init__(self, middleware: list[Middleware] | None = None) -> None:
        super().__init__(middleware)
        self.consuming: Counter[str] = Counter()
        self.dead_letters_by_queue = defaultdict(lambda: cast(list[MessageProxy], deque(maxlen=100)))

    def enqueue(self, message: dramatiq.Message[Any], *, delay: int | None = None) -> dramatiq.Message[Any]:
        """Raises queue.Full where nobody has been reading for long; the sender drops the nudge and counts it."""
        if self.queues[message.queue_name].qsize() >= MOST_WAITING:
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

    Unlike Dramatiq's own AgeLimit it acknowledges them: a nudge that came too late is no failure, and after an hour
    without workers it would fill the dead letters with thousands of them.
    """

    actor_options = {"max_age"}

    def before_process_message(self, broker: dramatiq.Broker, message: MessageProxy) -> None:
        max_age = broker.get_actor(message.actor_name).options.get("max_age")
        if max_age is not None and clock.millis() - message.message_timestamp >= max_age:
            raise TooOld("too old")


def with_defaults(url: str) -> str:
    """The broker's URL with the connection's timeouts filled in where it does not name them."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(query=urlencode({**CONNECTION, **dict(parse_qsl(parts.query))})))


def _publish_stamped(publish: Any, *, properties: BasicProperties, **words: Any) -> None:
    """With the time in the message's properties RabbitMQ can tell how long the oldest one has waited."""
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
    """A delay is measured from now: the message's own time of sending may lie in the year 2500 as well. Now is by this
    process's own clock, as Dramatiq writes delays and waits for them.
    """
    known = all(type(value) is _OPTIONS.get(name) for name, value in options.items())
    latest = current_millis() + MAX_DELAY_MS
    return known and options.get("retries", 0) >= 0 and options.get("eta", 0) <= latest


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")
