"""What runs, what waits, what is declared and what is scheduled: the questions of `celery inspect`."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import dramatiq
from django.db.models import Avg, Count, F, Max, QuerySet
from django.utils.dateparse import parse_datetime

from actors.models import Job, Tick, Worker
from actors.operations import pauses
from actors.runtime.quarantine import silence_limit
from actors.scheduling.table import table
from config.due.queue import database_now


@dataclass(frozen=True)
class Busy:
    """A job that runs now. `silent` says that its worker has not given a sign of life lately."""

    actor: str
    message_id: str
    args: str
    since: datetime | None
    worker: str
    silent: bool


@dataclass(frozen=True)
class Registered:
    """A declared actor. Times are seconds."""

    actor: str
    queue: str
    time_limit_s: float
    max_age_s: float
    max_retries: int
    period: str
    does: str


@dataclass(frozen=True)
class Scheduled:
    """An entry of the schedule: when it is due next, and what became of its last tick."""

    actor: str
    period: str
    next_at: datetime
    last_at: datetime | None
    late_s: float | None
    paused: bool


@dataclass(frozen=True)
class Reserved:
    """Messages that workers hold but have not begun: `fetched` wait for a thread, `delayed` for their time."""

    worker: str
    queues: list[str]
    fetched: int
    delayed: int


@dataclass(frozen=True)
class Statistics:
    """What an actor did since a given moment. Times are seconds; `outcomes` counts by outcome."""

    actor: str
    runs: int
    outcomes: dict[str, int]
    mean_s: float
    longest_s: float
    longest_wait_s: float
    last_at: datetime


def active() -> list[Busy]:
    """The jobs that run, the longest first, as their workers said at their last beat."""
    now, alive_since = database_now(), database_now() - silence_limit()
    found = [
        Busy(job["actor"], job["message_id"], job["args"], parse_datetime(job["since"]), worker.name, silent)
        for worker in unstopped()
        for silent in [worker.seen_at < alive_since]
        for job in worker.busy
    ]
    return sorted(found, key=lambda busy: busy.since or now)


def unstopped() -> QuerySet[Worker]:
    """The worker processes that run, or ended without a word; those heard of last come first."""
    return Worker.objects.filter(stopped_at=None).order_by("-seen_at")


def living() -> QuerySet[Worker]:
    """Those that have given a sign of life lately."""
    return unstopped().filter(seen_at__gte=database_now() - silence_limit())


def registered() -> list[Registered]:
    """The actors that this project declares, by queue and name."""
    periods = {entry.actor: str(entry.period) for entry in table()}
    actors = dramatiq.get_broker().actors.values()
    found = [_registered(actor, periods.get(actor.actor_name, "")) for actor in actors]
    return sorted(found, key=lambda actor: (actor.queue, actor.actor))


def scheduled() -> list[Scheduled]:
    """The schedule, what is due next first."""
    now, resting = database_now(), pauses.paused(pauses.SCHEDULE)
    last = dict(Tick.objects.filter(paused=False).values_list("schedule").annotate(Max("due_at")))
    found = []
    for entry in table():
        last_at, next_at = last.get(entry.actor), entry.period.next_valid_date(now)
        tick = Tick.objects.filter(schedule=entry.actor, due_at=last_at).first() if last_at else None
        late_s = (tick.fired_at - tick.due_at).total_seconds() if tick else None
        found.append(Scheduled(entry.actor, str(entry.period), next_at, last_at, late_s, entry.actor in resting))
    return sorted(found, key=lambda entry: entry.next_at)


def reserved() -> list[Reserved]:
    """What each living worker holds."""
    return [Reserved(worker.name, worker.queues, worker.fetched, worker.delayed) for worker in living()]


def statistics(since: datetime) -> list[Statistics]:
    """Per actor, from the history; the busiest first."""
    jobs = Job.objects.filter(ended_at__gte=since)
    outcomes: dict[str, dict[str, int]] = {}
    for actor, outcome, count in jobs.values_list("actor", "outcome").annotate(Count("pk")):
        outcomes.setdefault(actor, {})[outcome] = count
    took, counts = F("ended_at") - F("began_at"), Count("pk")
    sums = jobs.values("actor").annotate(
        runs=counts, mean=Avg(took), longest=Max(took), wait=Max("waited_s"), last=Max("ended_at")
    )
    return [_statistics(row, outcomes[row["actor"]]) for row in sums.order_by("-runs", "actor")]


def _registered(actor: "dramatiq.Actor[..., Any]", period: str) -> Registered:
    options = actor.options
    return Registered(
        actor.actor_name,
        actor.queue_name,
        options.get("time_limit", 0) / 1000,
        options.get("max_age", 0) / 1000,
        options.get("max_retries", 0),
        period,
        (actor.fn.__doc__ or "").strip().partition("\n")[0],
    )


def _statistics(row: Mapping[str, Any], outcomes: dict[str, int]) -> Statistics:
    return Statistics(
        row["actor"],
        row["runs"],
        outcomes,
        row["mean"].total_seconds(),
        row["longest"].total_seconds(),
        row["wait"],
        row["last"],
    )
