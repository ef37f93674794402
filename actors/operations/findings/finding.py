"""A finding, and the snapshot that findings are drawn from."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from django.utils.translation import gettext as _

from actors import pauses
from actors.models import LossyLog, Pause
from actors.operations.findings.sections import SECTIONS
from actors.operations.queries.cached_query import Latest
from actors.operations.queries.providers import Account, accounts
from actors.operations.queries.queues import Queue, known_queues, refused_arguments
from actors.operations.queries.schedule import ScheduledEntry, ahead_s, schedule
from actors.operations.queries.work import Backlog, backlogs
from actors.operations.queries.workers import Workers, workers
from billing.attention import Waiting, first_deadlines, waiting_for_a_person
from config.database.in_force import Difference, differences
from config.due.queue import database_now

NAMES_SHOWN = 3
"""Entries or actors that a sentence names."""


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong."""

    subject: str
    problem: str
    """Continues the subject: "queue urgent: it is paused"."""

    advice: str
    """What to do."""

    runbook: str
    """The anchor of its section in deploy/RUNBOOK.md."""

    since: datetime | None = None
    is_urgent: bool = field(init=False)
    """Customers or money wait. Other findings can wait for office hours."""

    page: str = ""
    """The URL name of the page about it; empty if the console has none."""

    page_args: tuple[str, ...] = ()
    action: str = ""
    """The action that helps, and its key."""

    key: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "is_urgent", SECTIONS[self.runbook])


@dataclass(frozen=True)
class Snapshot:
    """The answers that findings are drawn from, each read once."""

    now: datetime
    backlogs: list[Backlog]
    accounts: list[Account]
    schedule: list[ScheduledEntry]
    workers: Workers
    queues: Latest[list[Queue]]
    paused_queues: dict[str, Pause]
    refused_arguments: dict[str, str]
    lossy_logs: list[LossyLog]
    waiting: list[Waiting]
    database: list[Difference]
    schedule_ahead_s: float
    dispute_deadlines: dict[str, datetime]
    """By account."""


def take_snapshot(patience_s: float | None = None) -> Snapshot:
    """Read everything. The broker gets `patience_s` to answer; a silent one is not asked again."""
    now, queues, processes = database_now(), known_queues(patience_s), workers()
    return Snapshot(
        now=now,
        backlogs=backlogs(),
        accounts=accounts(),
        schedule=schedule(),
        workers=processes,
        queues=queues,
        paused_queues=pauses.paused(pauses.QUEUE),
        refused_arguments={} if queues.problem else refused_arguments(patience_s),
        lossy_logs=list(LossyLog.objects.order_by("-dropped_at")),
        waiting=waiting_for_a_person(),
        database=differences(),
        schedule_ahead_s=ahead_s(now),
        dispute_deadlines=first_deadlines(),
    )


def paused(subject: str, pause: Pause, page: str, action: str) -> Finding:
    """A reminder of a pause. If customers wait because of it, the lag shows it."""
    told = {"by": pause.paused_by, "why": pause.why}
    return Finding(
        subject,
        _("it is paused by %(by)s: %(why)s") % told,
        _("Resume it when the reason is gone."),
        "a-pause",
        pause.paused_at,
        page=page,
        action=action,
        key=pause.name,
    )


def some_of(names: Iterable[str]) -> str:
    """The first names, in order; an ellipsis stands for the others."""
    found = sorted(names)
    return ", ".join(found[:NAMES_SHOWN]) + (", …" if len(found) > NAMES_SHOWN else "")
