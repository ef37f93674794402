"""Worker processes: where each runs, what it works on, and when it was last seen."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.utils.dateparse import parse_datetime

from actors.models import Worker
from actors.runtime.quarantine import silence_limit
from config.due.queue import database_now

ROWS = 500
"""More than the processes that any shop runs at once; those that were seen last come first."""


@dataclass(frozen=True)
class Busy:
    """A job that a thread works on."""

    actor: str
    message_id: str
    args: str
    since: datetime | None


@dataclass(frozen=True)
class WorkerProcess:
    """One process, as it last told of itself. `is_silent`: it has not stopped, and some of its beats are missing."""

    row: Worker
    busy: list[Busy]
    """The longest running first."""

    is_silent: bool

    @property
    def is_alive(self) -> bool:
        """Does it run?"""
        return self.row.stopped_at is None and not self.is_silent


@dataclass(frozen=True)
class Workers:
    """The processes that have not stopped come first."""

    workers: list[WorkerProcess]

    @property
    def unstopped(self) -> list[WorkerProcess]:
        """The processes that run, and those that ended without saying so."""
        return [worker for worker in self.workers if worker.row.stopped_at is None]

    @property
    def living(self) -> list[WorkerProcess]:
        """The processes that run."""
        return [worker for worker in self.workers if worker.is_alive]

    @property
    def lost(self) -> list[WorkerProcess]:
        """The processes that ended without saying so, and were busy."""
        return [worker for worker in self.workers if worker.is_silent and worker.busy]

    @property
    def threads(self) -> int:
        """Of all that run."""
        return sum(worker.row.threads for worker in self.living)

    @property
    def busy(self) -> int:
        """The threads that work on something."""
        return sum(len(worker.busy) for worker in self.living)

    @property
    def consumed(self) -> set[str]:
        """The queues that at least one running process takes messages from."""
        return {queue for worker in self.living for queue in worker.row.queues}


def workers(limit: int = ROWS) -> Workers:
    """The processes that were seen last."""
    alive_since = database_now() - silence_limit()
    found = [_process(row, alive_since) for row in Worker.objects.order_by("-seen_at")[:limit]]
    return Workers(sorted(found, key=lambda worker: worker.row.stopped_at is not None))


def _process(row: Worker, alive_since: datetime) -> WorkerProcess:
    return WorkerProcess(row, list(_jobs(row)), row.stopped_at is None and row.seen_at < alive_since)


def _jobs(row: Worker) -> Iterable[Busy]:
    return (Busy(job["actor"], job["message_id"], job["args"], parse_datetime(job["since"])) for job in row.busy)
