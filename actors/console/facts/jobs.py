"""Jobs: what ran, with what outcome, and one of them with everything that is known of it."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from actors.console.facts.lately import SPAN, spread
from actors.console.facts.searching import QUALIFIERS, found, understood
from actors.models import Job
from config.due.queue import database_now

ROWS = 50

CHARTED = 5_000
"""So many of the latest jobs the chart is drawn from."""

BAD = (Job.Outcome.FAILED, Job.Outcome.QUARANTINED)


@dataclass(frozen=True)
class Slot:
    """What came of the jobs in one slot of the time that is charted."""

    begins_at: datetime
    done: int
    retried: int
    failed: int


@dataclass(frozen=True)
class Row:
    """One job in a list."""

    pk: int
    actor: str
    args: str
    queue: str
    outcome: str
    outcome_said: str
    attempt: int
    error: str
    ended_at: datetime
    took_s: float
    waited_s: float
    worker: str
    message_id: str

    @property
    def is_bad(self) -> bool:
        return self.outcome in BAD


@dataclass(frozen=True)
class Jobs:
    """The page of jobs."""

    typed: str
    problem: str
    qualifiers: tuple[str, ...]
    rows: list[Row]
    more_before: int | None
    slots: list[Slot]


@dataclass(frozen=True)
class OneJob:
    """The page of a job: its other runs are those of the same message."""

    job: Row
    traceback: str
    began_at: datetime
    runs: list[Row]


def jobs(typed: str, before: int | None) -> Jobs:
    """The jobs that were searched for, those that ended last first."""
    now = database_now()
    search = understood(typed, now)
    last = Job.objects.filter(pk=before).first() if before is not None else None
    rows = [_row(job) for job in found(search, last, ROWS + 1)]
    more = rows[ROWS - 1].pk if len(rows) > ROWS else None
    return Jobs(typed, search.problem, QUALIFIERS, rows[:ROWS], more, slots(now))


def one_job(pk: int) -> OneJob | None:
    """None if there is none of that number, or not any more."""
    job = Job.objects.filter(pk=pk).first()
    if job is None:
        return None
    runs = Job.objects.filter(message_id=job.message_id).exclude(pk=pk).order_by("-ended_at", "-id").defer("traceback")
    return OneJob(_row(job), job.traceback, job.began_at, [_row(run) for run in runs[:ROWS]])


def slots(now: datetime) -> list[Slot]:
    """What came of the latest jobs."""
    latest = Job.objects.filter(ended_at__gt=now - SPAN).order_by("-ended_at", "-id")
    ended = list(latest.values_list("ended_at", "outcome")[:CHARTED])
    return [_slot(*slot) for slot in spread(ended, now, CHARTED)]


def _slot(begins_at: datetime, outcomes: "Counter[str]") -> Slot:
    failed = sum(outcomes[outcome] for outcome in BAD)
    return Slot(begins_at, outcomes[Job.Outcome.DONE], outcomes[Job.Outcome.RETRIED], failed)


def _row(job: Job) -> Row:
    return Row(
        pk=job.pk,
        actor=job.actor,
        args=job.args,
        queue=job.queue,
        outcome=job.outcome,
        outcome_said=job.get_outcome_display(),
        attempt=job.attempt,
        error=job.error,
        ended_at=job.ended_at,
        took_s=job.took_s,
        waited_s=job.waited_s,
        worker=job.worker,
        message_id=job.message_id,
    )
