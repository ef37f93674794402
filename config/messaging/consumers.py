"""Consumers: they take only messages that belong to their queue, and none while the queue is paused.

Dramatiq can pause an idle consumer too, but it closes the connection. A running job then cannot be acknowledged and
runs again. Here the connection stays open; the consumer only stops taking messages.
"""

import time
from functools import partial
from typing import Any

from dramatiq import Broker
from dramatiq.broker import MessageProxy
from dramatiq.brokers.rabbitmq import _RabbitmqConsumer
from dramatiq.brokers.stub import _StubConsumer
from dramatiq.middleware import Middleware, SkipMessage

HANDED_BACK = "handed_back"
"""Message attribute: this message goes back to its queue instead of being acknowledged."""


class Paused(SkipMessage):
    """The queue was paused after a worker had fetched this message. The message goes back to the queue."""


class HandBackPaused(Middleware):
    """Returns messages to their queue if it was paused after they were fetched."""

    def before_process_message(self, broker: Broker, message: MessageProxy) -> None:
        if message.queue_name in getattr(broker, "paused", ()):
            setattr(message, HANDED_BACK, True)
            raise Paused


class RabbitmqConsumer(_RabbitmqConsumer):
    """Refuses a message that names another queue: acknowledging it there would kill the worker's thread."""

    def __init__(self, broker: Any, queue_name: str, prefetch: int, timeout: int) -> None:
        super().__init__(broker, queue_name, prefetch, timeout)
        self._timeout_s = timeout / 1000
        self._is_paused = False

    def __next__(self) -> MessageProxy | None:
        self.broker.heartbeats.beat(self.queue_name)
        if self.queue_name in self.broker.paused:
            self._stay_paused()
            return None
        if self._is_paused:
            self._resume()
        message: MessageProxy | None = super().__next__()
        if message is None or message.queue_name == self.queue_name:
            return message
        self.logger.error("A message for queue %r was found in %r.", message.queue_name[:64], self.queue_name)
        self.nack(message)
        return None

    def ack(self, message: MessageProxy) -> None:
        if not getattr(message, HANDED_BACK, False):
            super().ack(message)
        elif message._tag in self.known_tags:  # else its connection broke, and RabbitMQ has it back already
            self.known_tags.discard(message._tag)
            self.connection.add_callback_threadsafe(partial(self.channel.basic_nack, message._tag, requeue=True))

    def _stay_paused(self) -> None:
        """Take nothing, but keep the connection alive and pass on the acknowledgements of running jobs."""
        if not self._is_paused:
            self.channel.cancel()
            self._is_paused = True
        self.connection.process_data_events(time_limit=self._timeout_s)

    def _resume(self) -> None:
        self.iterator = self.channel.consume(self.queue_name, inactivity_timeout=self._timeout_s)
        self._is_paused = False


class InMemoryConsumer(_StubConsumer):
    """The same for an in-memory queue."""

    def __init__(self, broker: Any, queue_name: str, *of_stub: Any) -> None:
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
        """Dramatiq calls this when the worker ends."""
        self._broker.consuming[self._queue_name] -= 1
        super().close()
