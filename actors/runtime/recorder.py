"""Writes the rows of the history in bulk, from one background thread per process.

A job waits for its row only after its final failure. If the database is down, the rows wait, up to the size of the
buffer; further ones are dropped and counted (`Worker.unrecorded`).
"""

import logging

from django.db import Error, InterfaceError, OperationalError, close_old_connections, connection

from actors.models import Job
from config.background import Background

log = logging.getLogger(__name__)

EVERY_S = 1.0
BATCH = 200
"""Rows are written when one of the two limits is reached."""

BUFFER = 10_000
"""Rows that may wait, about 10 MB."""


class Recorder(Background[Job]):
    """Takes rows from any thread."""

    def __init__(self) -> None:
        super().__init__("history", BUFFER, BATCH, EVERY_S)

    def write_now(self, job: Job) -> None:
        """Write this row at once; if the database does not take it, put it into the queue."""
        try:
            job.save(force_insert=True)
        except Error as error:
            log.error("history.not_written", extra={"error": type(error).__name__})
            job.pk = None
            self.offer(job)

    def work(self, items: list[Job]) -> bool:
        """A process with nothing to write needs no connection."""
        if not items:
            connection.close()
            return True
        close_old_connections()
        try:
            Job.objects.bulk_create(items)
        except (InterfaceError, OperationalError) as error:
            log.warning("history.waits", extra={"rows": len(self._waiting), "error": type(error).__name__})
            connection.close()
            return False
        except Error as error:  # one row can never be written, and must not block the others
            self.drop(len(items), type(error).__name__)
        return True

    def drop(self, items: int, why: str) -> None:
        if not self.dropped:
            log.error("history.dropped", extra={"rows": items, "why": why})
        super().drop(items, why)


recorder = Recorder()
