"""What does not fit together, and what to do about it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import dramatiq
from django.conf import settings
from django.db.models import Max

from actors.jobs.looking import unstopped
from actors.models import Tick
from actors.operations import broker as operation_broker
from actors.operations import pauses
from actors.operations.broker import BrokerSilent
from actors.runtime.quarantine import silence_limit
from actors.scheduling.table import table
from config.due.queue import database_now
from config.health.views import database_problem
from config.messaging.broker import Rabbitmq

MESSAGES_MANY = 1_000
"""Nudges are worked off in milliseconds; so many of them wait only if nobody works."""


GRACE = timedelta(seconds=30)
"""A scheduler that is started again is back by then."""

DEATHS_SHOWN = timedelta(hours=1)
"""A worker that fell silent is a finding for so long; after that it is history."""


@dataclass(frozen=True)
class Finding:
    """What is wrong, and what helps."""

    about: str
    problem: str
    do: str


def examine() -> list[Finding]:
    """Everything that is wrong. A part that does not answer is a finding itself, and what depends on it is left out."""
    if problem := database_problem():
        return [Finding("database", problem, "Until then nothing else can be told.")]
    return [finding for look in LOOKS for finding in look()]


def schedule() -> Iterator[Finding]:
    """Entries that nobody can do, and entries that nobody fires."""
    actors, now = dramatiq.get_broker().actors, database_now()
    resting = pauses.paused(pauses.SCHEDULE)
    last: dict[str, datetime] = dict(Tick.objects.values_list("schedule").annotate(Max("due_at")))
    active = [entry for entry in table() if entry.actor not in resting]
    missed = {entry.actor: at for entry in active if (at := entry.missed(last.get(entry.actor), now, GRACE))}
    if missed and all(fired < max(missed.values()) for fired in last.values()):
        yield Finding("schedule", "no entry of it is fired", "Start a scheduler: `make scheduler` (or `make run`).")
        missed = {}
    for entry in table():
        if entry.actor not in actors:
            yield Finding(
                f"schedule {entry.actor}", "no actor has this name", "Correct ACTOR_SCHEDULE or ACTOR_MODULES."
            )
        elif entry.actor in resting:
            yield Finding(f"schedule {entry.actor}", "it is paused", "Resume it, if that was forgotten.")
        elif entry.actor in missed:
            problem = f"due at {missed[entry.actor]:%Y-%m-%d %H:%M:%S} UTC, and not fired"
            yield Finding(f"schedule {entry.actor}", problem, "Look for scheduler.no_database in the scheduler's log.")


def workers() -> Iterator[Finding]:
    """Processes that fell silent, that are of another release, or that are not there at all."""
    now = database_now()
    alive_since = now - silence_limit()
    processes = list(unstopped().filter(seen_at__gte=now - DEATHS_SHOWN))
    living = [worker for worker in processes if worker.seen_at >= alive_since]
    if not living:
        yield Finding("workers", "none gives a sign of life", "Start one: `make worker` (or `make run`).")
    for worker in processes:
        if worker not in living and worker.busy:
            actors = ", ".join(sorted({job["actor"] for job in worker.busy}))
            yield Finding(
                f"worker {worker.name}",
                f"it ended without a word, busy with {actors}; last seen {worker.seen_at:%Y-%m-%d %H:%M:%S} UTC",
                "Look for its end in the log of its host (out of memory?); its rows come due again by themselves.",
            )
    releases = {worker.release for worker in living}
    if len(releases) > 1:
        named = ", ".join(sorted(release or "none" for release in releases))
        yield Finding("workers", f"several releases run side by side: {named}", "Restart those that were left behind.")
    for worker in living:
        if worker.unrecorded:
            yield Finding(
                f"worker {worker.name}",
                f"{worker.unrecorded} runs are missing in the history",
                "The database was away, or too slow for the history: look for history.waits in its log.",
            )


def broker() -> Iterator[Finding]:
    """Queues: their arguments, who consumes them, what waits in them."""
    if operation_broker.in_this_process():
        return
    try:
        facts = operation_broker.queues()
        yield from _arguments()
    except BrokerSilent as error:
        yield Finding("broker", str(error), "Start it, or correct BROKER_URL.")
        return
    resting = pauses.paused(pauses.QUEUE)
    for queue in facts:
        if queue.name in resting:
            yield Finding(f"queue {queue.name}", "it is paused", "Resume it, if that was forgotten.")
        elif not queue.consumers:
            yield Finding(f"queue {queue.name}", "nobody consumes it", "Start a worker that takes this queue.")
        if queue.ready >= MESSAGES_MANY:
            yield Finding(
                f"queue {queue.name}",
                f"{queue.ready} messages wait",
                "Start more workers; `jobs active` tells what runs.",
            )
        if queue.dead:
            yield Finding(
                f"queue {queue.name}",
                f"{queue.dead} dead letter{'s' if queue.dead > 1 else ''}",
                f"`jobs dead --queue {queue.name}`, then `jobs retry` or `jobs dead --drop`.",
            )


def actors() -> Iterator[Finding]:
    """Actors whose queue no living worker takes."""
    alive_since = database_now() - silence_limit()
    consumed = {queue for worker in unstopped().filter(seen_at__gte=alive_since) for queue in worker.queues}
    for name, actor in sorted(dramatiq.get_broker().actors.items()):
        if consumed and actor.queue_name not in consumed:
            yield Finding(
                f"actor {name}",
                f"no worker takes its queue {actor.queue_name}",
                "Start a worker with that queue, or drop --queues.",
            )


def settings_() -> Iterator[Finding]:
    """What a start lets pass, and a shop with customers should not have."""
    if settings.PRODUCTION and not settings.EMAIL_HOST:
        yield Finding("EMAIL_HOST", "it is not set: mails are written to files", "Name the mail server.")
    if settings.PRODUCTION and urlsplit(settings.SHOP_URL).hostname in ("127.0.0.1", "localhost"):
        yield Finding("SHOP_URL", "links in mails lead to the reader's own machine", "Write the shop's public address.")
    if settings.BROKER_METRICS_URL and not operation_broker.metrics():
        yield Finding("BROKER_METRICS_URL", "nothing answers there", "Enable rabbitmq_prometheus, or leave it empty.")


def _arguments() -> Iterator[Finding]:
    """Declaring a queue that exists with other arguments is refused: workers of this release could not start."""
    declared = dramatiq.get_broker()
    if not isinstance(declared, Rabbitmq):
        return
    for queue in sorted(declared.get_declared_queues()):
        for name, arguments in declared.arguments_of(queue).items():
            if refusal := operation_broker.refusal(name, arguments):
                yield Finding(
                    f"queue {name}",
                    f"it exists with other arguments ({refusal})",
                    "Let workers of the old release empty it, then delete it: the next start makes it anew.",
                )


LOOKS: list[Callable[[], Iterator[Finding]]] = [settings_, schedule, workers, actors, broker]
