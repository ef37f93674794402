"""A nudge is a message that says: look at this row now.

Nudges may be lost, so they never make anybody wait. `nudge()` puts the message into a bounded queue of this process,
after the transaction that gave the reason is committed; one background thread publishes it. With stock settings a send
blocks for 16 to 48 s when RabbitMQ is down and can hang for ever when it is silent, and every thread that publishes
keeps a connection of its own; here the request sees none of that. A full queue or a failing broker drops the nudge and
counts it: the sweep is the promise, the nudge only makes it quicker.
"""

import logging
import os
import queue
import threading
import time
from dataclasses import dataclass, field

import dramatiq
from django.db import transaction

from config.messaging.clock import clock
from config.metrics.registry import counter

log = logging.getLogger(__name__)

QUEUE_SIZE = 1_000
"""Nudges that may wait in this process; some 300 kB. More than that means that the broker is gone."""

PAUSE_S = 2.0
"""After a failed send nothing is tried for so long: each try may hang for seconds on a broker that is silent."""

NUDGES_TOTAL = counter("tillkeeper_nudges_total", "Nudges by what became of them: sent or dropped.", "outcome")

Nudge = tuple[str, tuple[int | str, ...]]


@dataclass
class Publisher:
    """Sends nudges from one background thread; never blocks, never raises."""

    sent: int = 0
    dropped: int = 0
    _waiting: "queue.Queue[Nudge]" = field(default_factory=lambda: queue.Queue(QUEUE_SIZE))
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _thread_of: int = 0
    _quiet_until: float = 0.0

    def offer(self, actor: str, *args: int | str) -> None:
        """Hand over a nudge for the named actor; dropped and counted if the queue is full."""
        self._ensure_thread()
        try:
            self._waiting.put_nowait((actor, args))
        except queue.Full:
            self._drop()

    def flush(self, timeout_s: float) -> None:
        """Wait until everything handed over so far was sent or dropped, for `timeout_s` at the most."""
        deadline = time.monotonic() + timeout_s
        while self._waiting.unfinished_tasks and time.monotonic() < deadline:
            time.sleep(0.01)

    def _ensure_thread(self) -> None:
        """Start the thread at the first nudge of a process: a fork takes the object along but not its thread."""
        if self._thread_of == os.getpid():
            return
        with self._lock:
            if self._thread_of != os.getpid():
                self._waiting = queue.Queue(QUEUE_SIZE)
                threading.Thread(target=self._run, name="nudges", daemon=True).start()
                self._thread_of = os.getpid()

    def _run(self) -> None:
        while True:
            actor, args = self._waiting.get()
            if time.monotonic() < self._quiet_until:
                self._drop()
            else:
                self._send(actor, args)
            self._waiting.task_done()

    def _send(self, actor: str, args: tuple[int | str, ...]) -> None:
        """A silent broker raises pika's own errors, a dead one Dramatiq's, so every error means the same here."""
        try:
            broker = dramatiq.get_broker()
            message = broker.get_actor(actor).message(*args)
            broker.enqueue(message.copy(message_timestamp=clock.millis()))
            self.sent += 1
            NUDGES_TOTAL.labels("sent").inc()
        except Exception as error:
            self._quiet_until = time.monotonic() + PAUSE_S
            self._drop()
            log.warning("nudge.failed", extra={"actor": actor, "error": type(error).__name__, "pause_s": PAUSE_S})

    def _drop(self) -> None:
        self.dropped += 1
        NUDGES_TOTAL.labels("dropped").inc()


publisher = Publisher()


def nudge(actor: str, *args: int | str) -> None:
    """Ask the named actor to look now, as soon as the running transaction is committed; lost if it is rolled back."""
    transaction.on_commit(lambda: publisher.offer(actor, *args))
