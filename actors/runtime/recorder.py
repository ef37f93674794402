"""Rows of the history, written in bulk by one background thread per process.

A job waits for its row only if it has failed for good. If the database is away, the rows wait, as many as the buffer
holds; what comes then is dropped and counted (`Worker.unrecorded`).
"""

import logging
import os
import threading
import time
from collections import deque
from dataclasses import dataclass, field

from django.db import Error, InterfaceError, OperationalError, close_old_connections, connection

from actors.models import Job

log = logging.getLogger(__name__)

EVERY_S = 1.0
BATCH = 200
"""Rows are written when one of the two is reached."""

BUFFER = 10_000
"""Rows that may wait, some 10 MB."""


@dataclass
class Recorder:
    """Takes rows from any thread; never blocks and never raises, but for `write_now`."""

    dropped: int = 0
    _waiting: deque[Job] = field(default_factory=deque)
    _enough: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _thread_of: int = 0

    def offer(self, job: Job) -> None:
        """Write this row soon; dropped and counted if too many wait."""
        self._ensure_thread()
        if len(self._waiting) >= BUFFER:
            self._drop(1, "full")
            return
        self._waiting.append(job)
        if len(self._waiting) >= BATCH:
            self._enough.set()

    def write_now(self, job: Job) -> None:
        """Write this row before anything else happens; soon, if the database does not take it."""
        try:
            job.save(force_insert=True)
        except Error as error:
            log.error("history.not_written", extra={"error": type(error).__name__})
            job.pk = None
            self.offer(job)

    def flush(self, timeout_s: float) -> None:
        """Wait until every row is written, for `timeout_s` at the most."""
        deadline = time.monotonic() + timeout_s
        while self._waiting and time.monotonic() < deadline:
            self._enough.set()
            time.sleep(0.01)

    def _ensure_thread(self) -> None:
        """Start the thread at the first row of a process: a fork takes the object along but not its thread."""
        if self._thread_of == os.getpid():
            return
        with self._lock:
            if self._thread_of != os.getpid():
                self._waiting.clear()
                threading.Thread(target=self._run, name="history", daemon=True).start()
                self._thread_of = os.getpid()

    def _run(self) -> None:
        """A process that has nothing to write needs no connection."""
        while True:
            self._enough.wait(EVERY_S)
            self._enough.clear()
            if not self._waiting:
                connection.close()
            elif not self._write_waiting():
                connection.close()
                time.sleep(EVERY_S)

    def _write_waiting(self) -> bool:
        """Write what waits, batch by batch; False if the database is away. Only this thread takes rows out."""
        close_old_connections()
        while batch := [self._waiting[number] for number in range(min(BATCH, len(self._waiting)))]:
            try:
                Job.objects.bulk_create(batch)
            except (InterfaceError, OperationalError) as error:
                log.warning("history.waits", extra={"rows": len(self._waiting), "error": type(error).__name__})
                return False
            except Error as error:  # one of them can never be written, and must not hold up all others
                self._drop(len(batch), type(error).__name__)
            for _ in batch:
                self._waiting.popleft()
        return True

    def _drop(self, rows: int, why: str) -> None:
        if not self.dropped:
            log.error("history.dropped", extra={"rows": rows, "why": why})
        self.dropped += rows


recorder = Recorder()
