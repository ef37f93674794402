"""A nudge is a message that says: check this row now.

Nudges may be lost, and the caller never waits for them. After the commit, `nudge()` puts the message into a bounded
queue of this process, and one background thread publishes it. Dramatiq's own send blocks for 16 to 48 s when RabbitMQ
is down, can hang forever when it is silent, and keeps a connection for each publishing thread. If the queue is full or
the broker fails, the nudge is dropped and counted: the sweep is the promise, the nudge only makes it quicker.
"""

import logging
import time

import dramatiq
from django.db import transaction

from config.background import Background
from config.messaging.clock import clock
from config.metrics.registry import counter

log = logging.getLogger(__name__)

QUEUE_SIZE = 1_000
"""Nudges that may wait in this process; about 300 kB. A full queue means that the broker is down."""

PAUSE_S = 2.0
"""Pause after a failed send: each attempt may hang for seconds on a silent broker."""

NUDGES_TOTAL = counter("tillkeeper_nudges_total", "Nudges by outcome: sent or dropped.", "outcome")

Nudge = tuple[str, tuple[int | str, ...]]


class Publisher(Background[Nudge]):
    """Sends nudges from one background thread."""

    def __init__(self) -> None:
        super().__init__("nudges", QUEUE_SIZE)
        self.sent = 0
        self._quiet_until = 0.0

    def work(self, items: list[Nudge]) -> bool:
        for actor, args in items:
            if time.monotonic() < self._quiet_until:
                self.drop(1, "pause")
            else:
                self._send(actor, args)
        return True

    def drop(self, items: int, why: str) -> None:
        super().drop(items, why)
        NUDGES_TOTAL.labels("dropped").inc(items)

    def _send(self, actor: str, args: tuple[int | str, ...]) -> None:
        """A silent broker raises pika's errors, a dead one Dramatiq's. All errors mean the same here."""
        try:
            broker = dramatiq.get_broker()
            message = broker.get_actor(actor).message(*args)
            broker.enqueue(message.copy(message_timestamp=clock.millis()))
            self.sent += 1
            NUDGES_TOTAL.labels("sent").inc()
        except Exception as error:
            self._quiet_until = time.monotonic() + PAUSE_S
            self.drop(1, type(error).__name__)
            log.warning("nudge.failed", extra={"actor": actor, "error": type(error).__name__, "pause_s": PAUSE_S})


publisher = Publisher()


def nudge(actor: str, *args: int | str) -> None:
    """Send a nudge to the named actor when the running transaction commits; a rollback drops it."""
    transaction.on_commit(lambda: publisher.offer((actor, args)))
