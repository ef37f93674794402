"""The heartbeat of a worker process. Each one also reads which queues are paused."""

import logging
import os
import threading
from typing import Any

from django.conf import settings
from django.db import Error, close_old_connections, connection
from django.db.models.functions import Now
from dramatiq import Broker
from dramatiq import Worker as Threads

from actors import pauses
from actors.models import Worker
from actors.project import project
from actors.runtime import lossy_log, running
from actors.runtime.recorder import recorder
from config.due.queue import database_now
from config.messaging.clock import clock

log = logging.getLogger(__name__)

BEAT_S = 2.0
"""Time between two heartbeats, and so until a pause takes effect. A worker that misses three is lost."""

LAST_BEAT_S = 1.0


class Heartbeat:
    """Sends a heartbeat every BEAT_S seconds from its own thread, one before the first job and one after the last."""

    def __init__(self, broker: Broker, worker: Threads) -> None:
        self._broker, self._worker = broker, worker
        self._stop_requested = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def start(self) -> None:
        """Returns after the first heartbeat."""
        _send_heartbeat(self._broker, self._worker)
        connection.close()
        self._thread.start()

    def stop(self) -> None:
        """Returns after the last heartbeat, or without it after LAST_BEAT_S if the database does not answer."""
        self._stop_requested.set()
        self._thread.join(LAST_BEAT_S)

    def _run(self) -> None:
        while not self._stop_requested.wait(BEAT_S):
            close_old_connections()
            _send_heartbeat(self._broker, self._worker)
        _send_heartbeat(self._broker, self._worker, stopped=True)
        connection.close()


def _send_heartbeat(broker: Broker, worker: Threads, *, stopped: bool = False) -> None:
    """If the database fails, this heartbeat is lost, but the thread lives. The known pauses stay."""
    try:
        clock.compare(database_now())
        _write(worker, stopped)
        broker.paused = frozenset(pauses.paused(pauses.QUEUE))  # type: ignore[attr-defined]
        lossy_log.tell("worker")
    except Error as error:
        log.error("beat.no_database", extra={"error": type(error).__name__})
        connection.close()


def _write(worker: Threads, stopped: bool) -> None:
    """Times are the database's, so that several hosts can be compared."""
    now = {"seen_at": Now(), "stopped_at": Now() if stopped else None}
    state: dict[str, Any] = {
        "busy": running.busy(),
        "fetched": worker.work_queue.qsize(),
        "delayed": sum(consumer.delay_queue.qsize() for consumer in worker.consumers.values()),
        "done": running.totals.done,
        "failed": running.totals.failed,
        "unrecorded": recorder.dropped,
        "queues": sorted(name for name in worker.consumers if not name.endswith(".DQ")),
        **project().heartbeat(),
    }
    if not Worker.objects.filter(name=running.worker_name()).update(**state, **now):
        fixed = {
            "name": running.worker_name(),
            "host": running.host(),
            "pid": os.getpid(),
            "release": settings.RELEASE[:64],
            "threads": worker.worker_threads,
            "started_at": Now(),
        }
        Worker.objects.create(**state, **now, **fixed)
