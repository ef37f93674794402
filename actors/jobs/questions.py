"""The words after `manage.py jobs` that ask: what runs, what ran, what waits, and what does not fit together."""

from dataclasses import asdict
from datetime import timedelta
from typing import Any

from actors.jobs import doctor, looking
from actors.jobs.answers import Answer, Options, elsewhere
from actors.models import Job, Worker
from actors.operations import broker
from actors.runtime import history
from config.cli.tables import table
from config.due.queue import database_now
from config.formats.text import printable


def active(options: Options) -> Answer:
    """What runs now."""
    now = database_now()
    busy = looking.active()
    rows = [
        {
            "actor": job.actor,
            "for": (now - job.since).total_seconds() if job.since else None,
            "args": job.args,
            "worker": job.worker + (" (silent)" if job.silent else ""),
            "message_id": job.message_id,
        }
        for job in busy
    ]
    return Answer(rows, "Nothing runs.", [asdict(job) for job in busy])


def registered(options: Options) -> Answer:
    """Declared actors."""
    actors = [asdict(actor) for actor in looking.registered()]
    return Answer(actors, "No actor is declared: see ACTOR_MODULES.")


def scheduled(options: Options) -> Answer:
    """The schedule."""
    return Answer([asdict(entry) for entry in looking.scheduled()], "Nothing is scheduled: see ACTOR_SCHEDULE.")


def reserved(options: Options) -> Answer:
    """What workers hold."""
    return Answer([asdict(held) for held in looking.reserved()], "No worker runs.")


def stats(options: Options) -> Answer:
    """Workers, and what actors did."""
    since = options["since"] or database_now() - timedelta(days=1)
    actors = [asdict(actor) for actor in looking.statistics(since)]
    processes = [_worker(worker) for worker in looking.living()]
    notes = ["", table(processes, "No worker runs.")]
    return Answer(actors, "Nothing was done since then.", {"actors": actors, "workers": processes}, notes)


def past(options: Options) -> Answer:
    """The history."""
    filters = {name: options[name] for name in ("actor", "outcome", "message_id", "since", "limit")}
    jobs = history.runs(**filters)
    if options["message_id"] and not jobs:
        raise ValueError(f"The history has no message {printable(options['message_id'])!r}.")
    rows = [
        {
            "ended_at": job.ended_at,
            "actor": job.actor,
            "args": job.args,
            "outcome": job.outcome,
            "attempt": job.attempt,
            "waited": job.waited_s,
            "took": job.took_s,
            "error": job.error,
            "message_id": job.message_id,
        }
        for job in jobs
    ]
    notes = [f"\nAttempt {job.attempt}:\n{job.traceback}" for job in jobs if job.traceback and options["message_id"]]
    return Answer(rows, "Nothing of that kind is remembered.", [_job(job) for job in jobs], notes)


def queues(options: Options) -> Answer:
    """Depth and consumers."""
    return Answer([asdict(queue) for queue in broker.queues()], "No queue is declared.", notes=elsewhere())


def see_doctor(options: Options) -> Answer:
    """Compare."""
    findings = doctor.examine()
    said = [f"{finding.about}: {printable(finding.problem)}\n    {finding.do}" for finding in findings]
    text = "\n".join(said) or "Everything fits together."
    left = f"Findings: {len(findings)}." if findings else ""
    return Answer([], text, [asdict(finding) for finding in findings], left=left)


def _worker(worker: Worker) -> dict[str, Any]:
    return {
        "worker": worker.name,
        "release": worker.release,
        "queues": worker.queues,
        "threads": worker.threads,
        "busy": len(worker.busy),
        "done": worker.done,
        "failed": worker.failed,
        "unrecorded": worker.unrecorded,
        "started_at": worker.started_at,
        "seen_at": worker.seen_at,
    }


def _job(job: Job) -> dict[str, Any]:
    names = [field.attname for field in Job._meta.concrete_fields if field.attname != "id"]
    return {name: getattr(job, name) for name in names} | {"took_s": job.took_s}
