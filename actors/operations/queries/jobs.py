"""The history of jobs, and one job with all its details."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Avg, Count, F, Max, Q

from actors.models import Job
from actors.operations.queries.job_search import QUALIFIERS, matching, newest, parse
from actors.operations.queries.timeseries import SPAN, Slot, spread
from config.due.queue import database_now

ROWS = 50

CHARTED = 5_000
"""The chart shows this many of the latest jobs."""


@dataclass(frozen=True)
class Jobs:
    typed: str
    problem: str
    qualifiers: tuple[str, ...]
    rows: list[Job]
    more_before: int | None
    slots: list[Slot]


@dataclass(frozen=True)
class OneJob:
    """The page of a job, with the other runs of the same message."""

    job: Job
    runs: list[Job]


@dataclass(frozen=True)
class Statistics:
    """An actor's runs since some time. Times are seconds; `outcomes` counts by outcome."""

    actor: str
    runs: int
    outcomes: dict[str, int]
    mean_s: float
    longest_s: float
    longest_wait_s: float
    last_at: datetime


def jobs(typed: str, before: int | None) -> Jobs:
    """The jobs that match the search, latest end first."""
    now = database_now()
    search = parse(typed, now)
    last = Job.objects.filter(pk=before).first() if before is not None else None
    rows = matching(search, last, ROWS + 1)
    more = rows[ROWS - 1].pk if len(rows) > ROWS else None
    return Jobs(typed, search.problem, QUALIFIERS, rows[:ROWS], more, slots(now))


def one_job(pk: int) -> OneJob | None:
    """One job; None if this id does not exist (any more)."""
    job = Job.objects.filter(pk=pk).first()
    if job is None:
        return None
    others = newest(Q(message_id=job.message_id), ~Q(pk=pk))
    return OneJob(job, list(others.defer("traceback")[:ROWS]))


def slots(now: datetime) -> list[Slot]:
    """The outcomes of the latest jobs: done, retried, failed or dropped. A quarantined job counts as failed."""
    ended = newest(Q(ended_at__gt=now - SPAN)).values_list("ended_at", "outcome")[:CHARTED]
    failed = Job.Outcome.FAILED.value
    return spread([(at, failed if outcome in Job.GIVEN_UP else outcome) for at, outcome in ended], now, CHARTED)


def statistics(since: datetime) -> list[Statistics]:
    """Per actor, from the history; the busiest first."""
    ended = Job.objects.filter(ended_at__gte=since)
    outcomes: dict[str, dict[str, int]] = {}
    for actor, outcome, count in ended.values_list("actor", "outcome").annotate(Count("pk")):
        outcomes.setdefault(actor, {})[outcome] = count
    took = F("ended_at") - F("began_at")
    sums = ended.values("actor").annotate(
        runs=Count("pk"), mean=Avg(took), longest=Max(took), wait=Max("waited_s"), last=Max("ended_at")
    )
    return [_statistics(row, outcomes[row["actor"]]) for row in sums.order_by("-runs", "actor")]


def _statistics(row: Mapping[str, Any], outcomes: dict[str, int]) -> Statistics:
    mean_s, longest_s = row["mean"].total_seconds(), row["longest"].total_seconds()
    return Statistics(row["actor"], row["runs"], outcomes, mean_s, longest_s, row["wait"], row["last"])
