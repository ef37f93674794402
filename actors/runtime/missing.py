"""Brings back deleted queues while a worker lives.

A consumer notices only that its own queue is gone. Without its dead-letter queue RabbitMQ drops what a worker gives up,
and nothing fails.
"""

import logging
import threading

from dramatiq import Worker

from actors import broker
from config.due import shutting_down

log = logging.getLogger(__name__)

LOOK_S = 10.0
"""Time between two looks; each costs one connection and a question per queue."""


class MissingQueues:
    """Looks for the queues of one worker from its own thread: a silent broker holds up nothing else."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._refused: dict[str, str] = {}

    def start(self) -> None:
        """Look from now on, until the worker shuts down."""
        threading.Thread(target=self._run, name="missing-queues", daemon=True).start()

    def problem(self) -> str | None:
        """A sentence about the queues that RabbitMQ refuses to make."""
        refused = "; ".join(f"{name}: {why}" for name, why in self._refused.items())
        return f"Queues are missing, and RabbitMQ refuses to make them ({refused})." if refused else None

    def _run(self) -> None:
        while not shutting_down.wait(LOOK_S):
            try:
                self._refused = broker.make_missing(q for q in list(self._worker.consumers) if not q.endswith(".DQ"))
            except broker.BrokerSilent:
                self._refused = {}  # the consumers say so
            except Exception:
                log.exception("queues.not_looked_for")
