"""How messages are taken from the queues: only those that belong there, and none while the queue is paused.

Dramatiq can pause a consumer too, but only one that is idle, and it does so by closing the connection: what runs at
that moment cannot be acknowledged any more and runs again. Here the connection stays; the consumer only stops taking.
"""

import time
from collections import Counter
from functools import partial
from typing import Any, Protocol

from dramatiq import Broker
from dramatiq.broker import MessageProxy
from dramatiq.brokers.rabbitmq import _RabbitmqConsumer
from dramatiq.brokers.stub import _StubConsumer
from dramatiq.middleware import Middleware, SkipMessage

HANDED_BACK = "handed_back"
"""An attribute of a message that goes back to its queue instead of being acknowledged."""


class Paused(SkipMessage):
    """The message's queue was paused after a worker had fetched it: it goes back to where it was."""


class InProcess(Protocol):
    """A broker that lives in this process."""

    paused: frozenset[str]
    consuming: Counter[str]


class HandBackPaused(Middleware):
    """Messages that were fetched before their queue was paused go back to it instead of being worked on."""

    def before_process_message(self, broker: Broker, message: MessageProxy) -> None:
        if message.queue_name in getattr(broker, "paused", ()):
            setattr(message, HANDED_BACK, True)
            raise Paused


class RabbitmqConsumer(_RabbitmqConsumer):
    """Refuses a message that names another queue: it would be acknowledged there, which kills the worker's thread."""

    def __init__(self, broker: Any, queue_name: str, prefetch: int, timeout: int) -> None:
        super().__init__(broker, queue_name, prefetch, timeout)
        self._timeout_s = timeout / 1000
        self._rests = False

    def __next__(self) -> MessageProxy | None:
        self.broker.turns.note(self.queue_name)
        if self.queue_name in self.broker.paused:
            self._rest()
            return None
        if self._rests:
            self._go_on()
        message: MessageProxy | None = super().__next__()
        if message is None or message.queue_name == self.queue_name:
            return message
        self.logger.error("A message for queue %r was found in %r.", message.queue_name[:64], self.queue_name)
        self.nack(message)
        return None

    def ack(self, message: MessageProxy) -> None:
        if not getattr(message, HANDED_BACK, False):
            super().ack(message)
        elif message._tag in self.known_tags:  # else it came over a connection that broke, and is back already
            self.known_tags.discard(message._tag)
            self.connection.add_callback_threadsafe(partial(self.channel.basic_nack, message._tag, requeue=True))

    def _rest(self) -> None:
        """Take nothing, but keep the connection alive and hand on the acknowledgements of what still runs."""
        if not self._rests:
            self.channel.cancel()
            self._rests = True
        self.connection.process_data_events(time_limit=self._timeout_s)

    def _go_on(self) -> None:
        self.iterator = self.channel.consume(self.queue_name, inactivity_timeout=self._timeout_s)
        self._rests = False


class InMemoryConsumer(_StubConsumer):
    """The same for a queue of this process."""

    def __init__(self, broker: InProcess, queue_name: str, *of_stub: Any) -> None:
        super().__init__(*of_stub)
        self._broker, self._queue_name = broker, queue_name

    def __next__(self) -> MessageProxy | None:
        if self._queue_name in self._broker.paused:
            time.sleep(self.timeout / 1000)
            return None
        message: MessageProxy | None = super().__next__()
        return message

    def ack(self, message: MessageProxy) -> None:
        if getattr(message, HANDED_BACK, False):
            self.queue.put(message.encode())
        super().ack(message)

    def close(self) -> None:
        """Dramatiq calls it at the end of the worker."""
        self._broker.consuming[self._queue_name] -= 1
        super().close()
