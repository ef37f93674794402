"""The subcommands that show something: running, past and waiting jobs, and what is wrong."""

from datetime import timedelta
from typing import Any

import dramatiq

from actors import broker
from actors.operations.cli.result import CommandResult, Options, refuse_to_count_none
from actors.operations.findings import Finding, examine
from actors.operations.queries.job_search import INDEXED, newest
from actors.operations.queries.jobs import statistics
from actors.operations.queries.schedule import schedule
from actors.operations.queries.workers import WorkerProcess, workers
from actors.operations.serialize import plain
from actors.scheduling.table import table as schedule_table
from config.cli.tables import table
from config.due.queue import database_now
from config.formats import printable

BROKER_PATIENCE_S = 30.0
"""The doctor waits for the broker; a page does not."""


def active(options: Options) -> CommandResult:
    """The running jobs, longest first."""
    now = database_now()
    found = [(worker, job) for worker in workers().workers if not worker.row.stopped_at for job in worker.busy]
    found.sort(key=lambda each: each[1].since or now)
    rows = [
        {
            "actor": job.actor,
            "for": (now - job.since).total_seconds() if job.since else None,
            "args": job.args,
            "worker": worker.row.name + (" (silent)" if worker.is_silent else ""),
            "message_id": job.message_id,
        }
        for worker, job in found
    ]
    data = [plain(job) | {"worker": worker.row.name, "silent": worker.is_silent} for worker, job in found]
    return CommandResult(rows, "Nothing runs.", data)


def registered(options: Options) -> CommandResult:
    """The actors that this project declares, by queue and name. Times are seconds."""
    periods = {entry.actor: str(entry.period) for entry in schedule_table()}
    actors = sorted(dramatiq.get_broker().actors.values(), key=lambda actor: (actor.queue_name, actor.actor_name))
    rows = [
        {
            "actor": actor.actor_name,
            "queue": actor.queue_name,
            "time_limit_s": actor.options.get("time_limit", 0) / 1000,
            "max_age_s": actor.options.get("max_age", 0) / 1000,
            "max_retries": actor.options.get("max_retries", 0),
            "period": periods.get(actor.actor_name, ""),
            "does": (actor.fn.__doc__ or "").strip().partition("\n")[0],
        }
        for actor in actors
    ]
    return CommandResult(rows, "No actor is declared: see ACTOR_MODULES.")


def scheduled(options: Options) -> CommandResult:
    rows = [
        {
            "actor": entry.actor,
            "period": entry.spec,
            **_picked(entry, "next_at", "last_at", "late_s"),
            "paused": entry.pause is not None,
        }
        for entry in schedule()
    ]
    return CommandResult(rows, "Nothing is scheduled: see ACTOR_SCHEDULE.")


def reserved(options: Options) -> CommandResult:
    """Messages that workers hold but have not started: `fetched` wait for a thread, `delayed` for their time."""
    rows = [_columns(worker, "queues", "fetched", "delayed") for worker in workers().living]
    return CommandResult(rows, "No worker runs.")


def stats(options: Options) -> CommandResult:
    """The workers, and the totals of each actor."""
    actors = plain(statistics(options["since"] or database_now() - timedelta(days=1)))
    columns = ("release", "queues", "threads", "busy", "done", "failed", "unrecorded", "started_at", "seen_at")
    processes = [_columns(worker, *columns) | {"busy": len(worker.busy)} for worker in workers().living]
    notes = ["", table(processes, "No worker runs.")]
    return CommandResult(actors, "No runs since then.", {"actors": actors, "workers": processes}, notes)


def past(options: Options) -> CommandResult:
    chosen = [INDEXED[name](options[name]) for name in INDEXED if options[name]]
    jobs = newest(*chosen)[: options["limit"]]
    if options["message"] and not jobs:
        raise ValueError(f"The history has no message {printable(options['message'])!r}.")
    columns = ("ended_at", "actor", "args", "outcome", "attempt", "waited_s", "took_s", "error", "message_id")
    rows = [_picked(job, *columns) for job in jobs]
    notes = [f"\nAttempt {job.attempt}:\n{job.traceback}" for job in jobs if job.traceback and options["message"]]
    return CommandResult(rows, "No matching runs.", list(jobs), notes)


def queues(options: Options) -> CommandResult:
    refuse_to_count_none()
    return CommandResult(plain(broker.queues()), "No queue is declared.")


def doctor(options: Options) -> CommandResult:
    findings = examine(BROKER_PATIENCE_S)
    said = [f"{printable(each.subject)}: {printable(each.problem)}\n    {each.advice}" for each in findings]
    data, left = [_finding(each) for each in findings], f"Findings: {len(findings)}." if findings else ""
    return CommandResult([], "\n".join(said) or "Nothing is wrong.", data, left=left)


def _finding(finding: Finding) -> dict[str, Any]:
    """The first three names are older than the console's."""
    named = {"about": finding.subject, "problem": finding.problem, "do": finding.advice}
    return named | _picked(finding, "since", "is_urgent", "action", "key", "runbook")


def _columns(worker: WorkerProcess, *names: str) -> dict[str, Any]:
    return {"worker": worker.row.name, **_picked(worker.row, *names)}


def _picked(fact: object, *names: str) -> dict[str, Any]:
    return {name: getattr(fact, name) for name in names}
