"""The subcommands of `manage.py jobs` that change something, by the console's actions."""

from dataclasses import asdict

from django.db.models import Q

from actors import broker, pauses
from actors.models import Pause
from actors.operations import actions, dead_letters
from actors.operations.actions import named
from actors.operations.cli.result import CommandResult, Options, refuse_to_count_none
from actors.operations.queries.job_search import newest
from actors.operations.serialize import plain
from config.actions import Subject, do_one
from config.cli.command import os_user
from config.formats import printable


def dead(options: Options) -> CommandResult:
    """Show dead letters, or drop them."""
    which = _which(options)
    if options["drop"]:
        if which == dead_letters.ALL and not options["all"]:
            raise ValueError("Name one dead letter or a filter, or write --all to drop every one.")
        return _done(do_one(actions.DROP_DEAD_LETTER, _subject(which), os_user(), why=options["why"]), "dropped", which)
    letters = dead_letters.find(which, options["limit"])
    if which.key and not letters:
        raise ValueError(_no_dead_letter(which))
    if not letters:
        refuse_to_count_none()
    more = [f"There may be more: these are the first {options['limit']}."] if len(letters) == options["limit"] else []
    return CommandResult(plain(dead_letters.with_errors(letters)), "No dead letters.", notes=more)


def retry(options: Options) -> CommandResult:
    if bool(options["key"]) == options["all"]:
        raise ValueError("Name one message, or write --all (with --actor, --queue or --older-than, as you like).")
    which = _which(options)
    sent = do_one(actions.RESEND_DEAD_LETTER, _subject(which), os_user())
    if sent or options["all"]:
        return _done(sent, "sent again", which)
    return _run_again(options["key"])


def pause(options: Options) -> CommandResult:
    name, why = options["name"], options["why"].strip()
    if not why:
        raise ValueError("Write --why: the person who finds it paused needs the reason.")
    new = [do_one(actions.PAUSE[kind], named(name, name), os_user(), why=why) for kind in _kinds_named(name)]
    already = f"{name} was paused already; its first reason stays."
    said = f"{name} is paused." if any(new) else already
    return CommandResult([], said, {"paused": name, "by": os_user(), "new": any(new)})


def resume(options: Options) -> CommandResult:
    name = options["name"]
    changed = [do_one(actions.RESUME[kind], named(name, name), os_user()) for kind in _kinds_named(name)]
    said = f"{name} is resumed." if any(changed) else f"{name} was not paused."
    return CommandResult([], said, {"resumed": name, "by": os_user(), "rested": any(changed)})


def _run_again(message_id: str) -> CommandResult:
    """No dead letter has this id; the history may have it."""
    job = newest(Q(message_id=message_id)).first()
    if job is None:
        raise ValueError("Neither the dead letters nor the history have a message with this id that can be sent again.")
    sent_as = do_one(actions.RERUN_JOB, actions.RERUN_JOB.about(job), os_user())
    return CommandResult([], f"{job.actor} was sent again, as {sent_as}.", {"sent again": 1, "as": sent_as})


def _which(options: Options) -> dead_letters.DeadLetterFilter:
    if options["queue"] not in ("", *broker.queue_names()):
        known = ", ".join(broker.queue_names())
        raise ValueError(f"There is no queue {printable(options['queue'])!r}. Write one of these: {known}.")
    return dead_letters.DeadLetterFilter(
        options["key"] or "", options["queue"], options["actor"], options["older_than"]
    )


def _subject(which: dead_letters.DeadLetterFilter) -> Subject:
    chosen = [f"{name} {value}" for name, value in asdict(which).items() if value]
    return named("", f"dead letters: {', '.join(chosen) or 'all'}", which)


def _done(count: int, what: str, which: dead_letters.DeadLetterFilter) -> CommandResult:
    """Zero is fine for a filter, but an error for a named dead letter."""
    if which.key and not count:
        raise ValueError(_no_dead_letter(which))
    if not count:
        refuse_to_count_none()
    return CommandResult([], f"{count} {what}." if count else "There was no match.", {what: count})


def _no_dead_letter(which: dead_letters.DeadLetterFilter) -> str:
    return f"There is no dead letter {printable(which.key)!r} that matches; `jobs dead` lists them."


def _kinds_named(name: str) -> list[Pause.Kind]:
    """What bears this name: a queue, an entry of the schedule, or both."""
    known = {kind: actions.known(kind) for kind in (pauses.QUEUE, pauses.SCHEDULE)}
    if found := [kind for kind, names in known.items() if name in names]:
        return found
    said = "; ".join(f"{kind.value}: {', '.join(sorted(names))}" for kind, names in known.items())
    raise ValueError(f"There is no queue or entry {printable(name)!r}. Write one of these. {said}.")
