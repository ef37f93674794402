"""Worker processes: host, running jobs and last heartbeat."""

from dataclasses import dataclass
from datetime import datetime

from django.utils.dateparse import parse_datetime

from actors.models import Worker
from actors.runtime.quarantine import silence_limit
from config.due.queue import database_now

ROWS = 500
"""More than the processes of any shop; the latest heartbeats come first."""


@dataclass(frozen=True)
class Busy:
    actor: str
    message_id: str
    args: str
    since: datetime | None


@dataclass(frozen=True)
class WorkerProcess:
    """One process, by its last heartbeat. `is_silent`: it has not stopped, and heartbeats are missing."""

    row: Worker
    busy: list[Busy]
    """Longest first."""

    is_silent: bool

    @property
    def is_alive(self) -> bool:
        return self.row.stopped_at is None and not self.is_silent


@dataclass(frozen=True)
class Workers:
    """Processes that have not stopped come first, by name: each heartbeat of one would move the others. Then those that
    stopped, the latest first."""

    workers: list[WorkerProcess]

    @property
    def living(self) -> list[WorkerProcess]:
        return [worker for worker in self.workers if worker.is_alive]

    @property
    def threads(self) -> int:
        return sum(worker.row.threads for worker in self.living)

    @property
    def busy(self) -> int:
        return sum(len(worker.busy) for worker in self.living)


def workers(limit: int = ROWS) -> Workers:
    """The processes with the latest heartbeats."""
    alive_since = database_now() - silence_limit()
    found = [_process(row, alive_since) for row in Worker.objects.order_by("-seen_at")[:limit]]
    return Workers(sorted(found, key=_place))


def _place(worker: WorkerProcess) -> tuple[bool, str]:
    has_stopped = worker.row.stopped_at is not None
    return has_stopped, "" if has_stopped else worker.row.name


def _process(row: Worker, alive_since: datetime) -> WorkerProcess:
    busy = [Busy(job["actor"], job["message_id"], job["args"], parse_datetime(job["since"])) for job in row.busy]
    return WorkerProcess(row, busy, row.stopped_at is None and row.seen_at < alive_since)
