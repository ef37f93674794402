"""A worker process's sign of life, and the ear with which it hears about paused queues."""

import logging
import os
import threading

from django.conf import settings
from django.db import Error, close_old_connections, connection
from django.db.models.functions import Now
from dramatiq import Broker
from dramatiq import Worker as Threads

from actors.models import Worker
from actors.operations import pauses
from actors.runtime import running
from actors.runtime.recorder import recorder
from config.due.queue import database_now
from config.messaging.clock import clock

log = logging.getLogger(__name__)

BEAT_S = 2.0
"""Time between two beats. A pause is noticed within it; three missing ones are a lost worker."""

LAST_BEAT_S = 1.0


class Heartbeat:
    """Beats every BEAT_S seconds in a thread of its own, and once before anything begins and after all ended."""

    def __init__(self, broker: Broker, worker: Threads) -> None:
        self._broker, self._worker = broker, worker
        self._told_to_stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="beat", daemon=True)

    def start(self) -> None:
        """Returns after the first beat."""
        _beat(self._broker, self._worker)
        connection.close()
        self._thread.start()

    def stop(self) -> None:
        """Returns after the last beat, or without it if the database keeps it waiting."""
        self._told_to_stop.set()
        self._thread.join(LAST_BEAT_S)

    def _run(self) -> None:
        while not self._told_to_stop.wait(BEAT_S):
            close_old_connections()
            _beat(self._broker, self._worker)
        _beat(self._broker, self._worker, stopped=True)
        connection.close()


def _beat(broker: Broker, worker: Threads, *, stopped: bool = False) -> None:
    """A database that is away costs a beat, not the thread; the pauses that were known stay."""
    try:
        clock.compare(database_now())
        _tell(worker, stopped)
        broker.paused = pauses.paused(pauses.QUEUE)  # type: ignore[attr-defined]
    except Error as error:
        log.error("beat.no_database", extra={"error": type(error).__name__})
        connection.close()


def _tell(worker: Threads, stopped: bool) -> None:
    """Times are the database's, so that those of several hosts can be compared."""
    now = {"seen_at": Now(), "stopped_at": Now() if stopped else None}
    told = {
        "busy": running.busy(),
        "fetched": worker.work_queue.qsize(),
        "delayed": sum(consumer.delay_queue.qsize() for consumer in worker.consumers.values()),
        "done": running.totals.done,
        "failed": running.totals.failed,
        "unrecorded": recorder.dropped,
        "queues": sorted(name for name in worker.consumers if not name.endswith(".DQ")),
    }
    if not Worker.objects.filter(name=running.worker_name()).update(**told, **now):
        unchanging = {
            "name": running.worker_name(),
            "host": running.host(),
            "pid": os.getpid(),
            "release": settings.RELEASE[:64],
            "threads": worker.worker_threads,
            "started_at": Now(),
        }
        Worker.objects.create(**told, **now, **unchanging)
