"""The history of jobs, and one job with all its details."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from inspect import signature
from typing import Any

import dramatiq
from django.db.models import Avg, Count, F, Max, Model, Q, QuerySet
from django.urls import reverse

from actors.models import Job
from actors.operations.queries.job_search import QUALIFIERS, listing, newest, parse
from actors.operations.queries.paging import ROWS, Shown
from actors.operations.queries.timeseries import HOUR, RANGES, Range, Slot, count_by_slot
from actors.project import project
from billing.admin.bases import page_of
from billing.models import Callback, Payment, Refund
from config.due.queue import database_now

OF_BILLING: dict[str, type[Model]] = {"payment_id": Payment, "callback_id": Callback, "refund_id": Refund}
"""Arguments of actors that are primary keys."""

CHARTED = 20_000
"""The chart shows this many of the latest jobs."""


@dataclass(frozen=True)
class Jobs:
    typed: str
    problem: str
    qualifiers: tuple[str, ...]
    rows: list[Job]
    shown: Shown
    is_cut_off: bool
    """A word without an index was searched for only in the first COUNTED_AT_MOST jobs that match the others."""

    order: str
    slots: list[Slot]
    """The outcomes of the matching jobs."""

    range: str
    """The time of the chart: a name in RANGES."""

    ranges: dict[str, timedelta]


@dataclass(frozen=True)
class Touched:
    """A row that the job's arguments name, and the URL of its page."""

    text: str
    address: str


@dataclass(frozen=True)
class OneJob:
    """The page of a job, with the other runs of the same message."""

    job: Job
    touched: list[Touched]
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


def jobs(typed: str, sort: str = "", over: str = "", page: int = 1) -> Jobs:
    """The jobs that match the search, latest end first, or with `sort="ended"` earliest first."""
    now, over = database_now(), over if over in RANGES else "1h"
    search = parse(typed, now)
    found = listing(search, sort)
    rows, shown = found.page(page)
    return Jobs(
        typed=typed,
        problem=search.problem,
        qualifiers=QUALIFIERS,
        rows=rows,
        shown=shown,
        is_cut_off=found.is_cut_off,
        order="-ended" if found.descends else "ended",
        slots=[slot for part in found.parts for slot in slots(now, RANGES[over], part)],
        range=over,
        ranges={name: each.span for name, each in RANGES.items()},
    )


def one_job(pk: int) -> OneJob | None:
    """One job; None if this id does not exist (any more)."""
    job = Job.objects.filter(pk=pk).first()
    if job is None:
        return None
    others = newest(Q(message_id=job.message_id), ~Q(pk=pk))
    return OneJob(job, _touched(job), list(others.defer("traceback")[:ROWS]))


def _touched(job: Job) -> list[Touched]:
    """An argument `order_id` names an order; actors that are not declared any more have no names for theirs."""
    actor, args = dramatiq.get_broker().actors.get(job.actor), _args(job)
    names = signature(actor.fn).parameters if actor else {}
    models = {**OF_BILLING, **project().arguments}
    return [
        Touched(f"{model._meta.verbose_name} {value}", _page(model, value))
        for name, value in zip(names, args, strict=False)
        if (model := models.get(name)) and isinstance(value, int)
    ]


def _args(job: Job) -> list[Any]:
    """Empty if they were too long to keep."""
    try:
        args = json.loads(job.args)
    except ValueError:
        return []
    return args if isinstance(args, list) else []


def _page(model: type[Model], pk: int) -> str:
    return reverse("console:payment", args=[pk]) if model is Payment else page_of(model, pk)


def slots(now: datetime, over: Range = HOUR, rows: "QuerySet[Job] | None" = None) -> list[Slot]:
    """The outcomes of the latest jobs: done, retried, failed or dropped. A quarantined job counts as failed."""
    found = count_by_slot(Job.objects.all() if rows is None else rows, "ended_at", "outcome", now, over, CHARTED)
    return [Slot(slot.begins_at, _with_given_up_as_failed(slot.counts)) for slot in found]


def _with_given_up_as_failed(counts: dict[str, int]) -> dict[str, int]:
    given_up = sum(counts.get(outcome, 0) for outcome in Job.GIVEN_UP)
    kept = {outcome: count for outcome, count in counts.items() if outcome not in Job.GIVEN_UP}
    return kept | ({Job.Outcome.FAILED.value: given_up} if given_up else {})


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
