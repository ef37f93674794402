"""The words after `manage.py jobs`: each with its arguments, and with an answer for people and for programs."""

import argparse
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime

from actors import brokers
from actors.jobs import doctor, history, letters, looking
from actors.jobs.tables import Row, as_json, table
from actors.jobs.texts import printable
from actors.models import Job, Worker
from config.due import database_now

Options = Mapping[str, Any]

UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}

ELSEWHERE = "The queues are inside the running process (no BROKER_URL): only its console sees them."


@dataclass(frozen=True)
class Answer:
    """What is said: rows for people, the same with more in it for programs, and lines below the rows."""

    rows: Sequence[Row]
    empty: str
    data: Any = None
    notes: list[str] = field(default_factory=list)
    is_bad: bool = False

    def as_text(self) -> str:
        """A table, and what is to be said about it."""
        return "\n".join([table(self.rows, self.empty), *self.notes])

    def as_json(self) -> str:
        """The rows, or what stands for them."""
        return as_json(list(self.rows) if self.data is None else self.data)


@dataclass(frozen=True)
class Part:
    """One word after `jobs`."""

    help: str
    run: Callable[[Options], Answer]
    arguments: Callable[[argparse.ArgumentParser], object] = lambda words: None


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
    processes = [_worker(worker) for worker in looking.workers() if not worker.stopped_at]
    notes = ["", table(processes, "No worker runs.")]
    return Answer(actors, "Nothing was done since then.", {"actors": actors, "workers": processes}, notes)


def past(options: Options) -> Answer:
    """The history."""
    filters = {name: options[name] for name in ("actor", "outcome", "message_id", "since", "limit")}
    jobs = history.past(**filters)
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
    notes = [ELSEWHERE] if brokers.in_this_process() else []
    return Answer([asdict(queue) for queue in brokers.queues()], "No queue is declared.", notes=notes)


def dead(options: Options) -> Answer:
    """Look at dead letters, or drop them."""
    which = _which(options)
    if options["drop"]:
        if which == letters.EVERY and not options["all"]:
            raise ValueError("Name one letter, or a filter; or say --all to drop every one.")
        return _done(letters.drop(which), "dropped")
    looked_at = letters.look(which, options["limit"])
    errors = history.last_errors([letter.key for letter in looked_at])
    found = [asdict(letter) | {"error": errors.get(letter.key, "")} for letter in looked_at]
    more = [f"There may be more: these are the first {options['limit']}."] if len(found) == options["limit"] else []
    return Answer(found, "No dead letters.", notes=more + ([ELSEWHERE] if brokers.in_this_process() else []))


def retry(options: Options) -> Answer:
    """Send dead letters again."""
    if bool(options["key"]) == options["all"]:
        raise ValueError("Name one message, or say --all (with --actor, --queue or --older-than, as you like).")
    sent = letters.send_again(_which(options))
    if sent or options["all"]:
        return _done(sent, "sent again")
    return _run_again(options["key"])


def see_doctor(options: Options) -> Answer:
    """Compare."""
    findings = doctor.examine()
    said = [f"{finding.about}: {printable(finding.problem)}\n    {finding.do}" for finding in findings]
    text = "\n".join(said) or "Everything fits together."
    return Answer([], text, [asdict(finding) for finding in findings], is_bad=bool(findings))


def _run_again(message_id: str) -> Answer:
    """No dead letter has this id any more; the history may."""
    jobs = history.past(message_id=message_id, limit=1)
    if not jobs:
        raise ValueError("Neither the dead letters nor the history have a message of that id that can be sent again.")
    sent_as = history.run_again(jobs[0])
    return Answer([], f"{jobs[0].actor} was sent again, as {sent_as}.", {"sent again": 1, "as": sent_as})


def _which(options: Options) -> letters.Which:
    return letters.Which(options["key"] or "", options["queue"], options["actor"], options["older_than"])


def _done(count: int, what: str) -> Answer:
    """Nothing to do, where somebody wanted something done, is a failure."""
    return Answer([], f"{count} {what}." if count else "There was none.", {what: count}, is_bad=not count)


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


def _since(text: str) -> datetime:
    """`90m`, `6h`, `2d`, or a date or time like 2026-03-29 or 2026-03-29T12:00 (UTC)."""
    if re.fullmatch(r"\d{1,6}[smhd]", text):
        return timezone.now() - _age(text)
    try:
        moment = parse_datetime(text)
        day = None if moment else parse_date(text)
    except ValueError:
        moment = day = None
    if moment is None and day is None:
        raise argparse.ArgumentTypeError(f"{text!r}: write 90m, 6h, 2d, 2026-03-29 or 2026-03-29T12:00")
    found = moment or datetime.combine(day, datetime.min.time())  # type: ignore[arg-type]
    return found if timezone.is_aware(found) else timezone.make_aware(found, timezone.get_fixed_timezone(0))


def _age(text: str) -> timedelta:
    """`90m`, `6h`, `2d`."""
    if not re.fullmatch(r"\d{1,6}[smhd]", text):
        raise argparse.ArgumentTypeError(f"{text!r}: write a length of time like 90s, 30m, 6h or 2d")
    return timedelta(**{UNITS[text[-1]]: int(text[:-1])})


def _positive(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 100_000:
        raise argparse.ArgumentTypeError(f"{text!r}: write a number from 1 to 100000")
    return int(text)


def _of_stats(words: argparse.ArgumentParser) -> None:
    words.add_argument("--since", type=_since, help="90m, 6h, 2d or a date; the last day if not given")


def _of_history(words: argparse.ArgumentParser) -> None:
    words.add_argument("message_id", nargs="?", default="", help="all runs of one message, with their tracebacks")
    words.add_argument("--actor", default="")
    words.add_argument("--outcome", default="", choices=["", *Job.Outcome.values])
    words.add_argument("--since", type=_since, help="90m, 6h, 2d or a date")
    words.add_argument("--limit", type=_positive, default=50)


def _of_letters(words: argparse.ArgumentParser) -> None:
    words.add_argument("key", nargs="?", default="", metavar="message_id")
    words.add_argument("--queue", default="")
    words.add_argument("--actor", default="")
    words.add_argument("--older-than", type=_age, help="90m, 6h, 2d")
    words.add_argument("--all", action="store_true", help="all that the filters let through")


def _of_dead(words: argparse.ArgumentParser) -> None:
    _of_letters(words)
    words.add_argument("--limit", type=_positive, default=letters.LOOK_LIMIT)
    words.add_argument("--drop", action="store_true", help="throw the chosen ones away; --limit does not count here")


PARTS = {
    "active": Part("what runs now, and where", active),
    "registered": Part("the actors that this project declares", registered),
    "scheduled": Part("the schedule: what is due next, and when it was last", scheduled),
    "reserved": Part("messages that workers hold and have not begun", reserved),
    "stats": Part("what each actor did, and the workers that run", stats, _of_stats),
    "history": Part("what ran, the latest first", past, _of_history),
    "queues": Part("how many messages wait, since when, and who takes them", queues),
    "dead": Part("dead letters: look at them, or drop them", dead, _of_dead),
    "retry": Part("send dead letters again, or a message of the history", retry, _of_letters),
    "doctor": Part("compares what should fit together; ends with 1 if something does not", see_doctor),
}
