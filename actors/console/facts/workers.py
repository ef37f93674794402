"""Worker processes: where each runs, what it is busy with, and when it was last heard of."""

from dataclasses import dataclass
from datetime import datetime

from django.utils.dateparse import parse_datetime

from actors.models import Worker
from actors.runtime.quarantine import silence_limit
from config.due.queue import database_now

ROWS = 100
"""So many are shown, those heard of last first."""


@dataclass(frozen=True)
class Busy:
    """What a thread works on."""

    actor: str
    message_id: str
    args: str
    since: datetime | None


@dataclass(frozen=True)
class WorkerProcess:
    """One process. `silent`: it has not stopped, and was not heard of for some beats."""

    name: str
    host: str
    pid: int
    release: str
    queues: list[str]
    threads: int
    busy: list[Busy]
    fetched: int
    delayed: int
    done: int
    failed: int
    unrecorded: int
    started_at: datetime
    seen_at: datetime
    stopped_at: datetime | None
    silent: bool

    @property
    def is_alive(self) -> bool:
        return self.stopped_at is None and not self.silent


@dataclass(frozen=True)
class Workers:
    """Those that run, or fell silent, first; then those that stopped."""

    workers: list[WorkerProcess]

    @property
    def living(self) -> list[WorkerProcess]:
        """Those that give a sign of life."""
        return [worker for worker in self.workers if worker.is_alive]

    @property
    def threads(self) -> int:
        """Of all that live."""
        return sum(worker.threads for worker in self.living)

    @property
    def busy(self) -> int:
        """Threads that work on something."""
        return sum(len(worker.busy) for worker in self.living)

    @property
    def lost(self) -> list[WorkerProcess]:
        """Those that ended without a word while they were busy."""
        return [worker for worker in self.workers if worker.silent and worker.busy]


def workers() -> Workers:
    """As they told of themselves."""
    alive_since = database_now() - silence_limit()
    rows = Worker.objects.order_by("-seen_at")[:ROWS]
    told = [_worker(row, silent=row.stopped_at is None and row.seen_at < alive_since) for row in rows]
    return Workers(sorted(told, key=lambda worker: worker.stopped_at is not None))


def _worker(row: Worker, silent: bool) -> WorkerProcess:
    return WorkerProcess(
        name=row.name,
        host=row.host,
        pid=row.pid,
        release=row.release,
        queues=row.queues,
        threads=row.threads,
        busy=[Busy(job["actor"], job["message_id"], job["args"], parse_datetime(job["since"])) for job in row.busy],
        fetched=row.fetched,
        delayed=row.delayed,
        done=row.done,
        failed=row.failed,
        unrecorded=row.unrecorded,
        started_at=row.started_at,
        seen_at=row.seen_at,
        stopped_at=row.stopped_at,
        silent=silent,
    )
