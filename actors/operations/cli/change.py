"""The words after `manage.py jobs` that change something, by the console's own actions."""

from dataclasses import asdict

from actors.models import Pause
from actors.operations import actions, broker, dead_letters, pauses
from actors.operations.actions import named
from actors.operations.cli.result import CommandResult as Answer
from actors.operations.cli.result import Options, elsewhere
from actors.runtime import history
from config.actions import Subject, do_one
from config.cli.command import os_user
from config.formats.text import printable


def dead(options: Options) -> Answer:
    """Look at dead letters, or drop them."""
    which = _which(options)
    if options["drop"]:
        if which == dead_letters.ALL and not options["all"]:
            raise ValueError("Name one letter, or a filter; or say --all to drop every one.")
        return _done(do_one(actions.LETTER_DROP, _letters(which), os_user(), why=options["why"]), "dropped", which)
    looked_at = dead_letters.find(which, options["limit"])
    if which.key and not looked_at:
        raise ValueError(_no_letter(which))
    errors = history.last_errors([letter.key for letter in looked_at])
    found = [asdict(letter) | {"error": errors.get(letter.key, "")} for letter in looked_at]
    more = [f"There may be more: these are the first {options['limit']}."] if len(found) == options["limit"] else []
    return Answer(found, "No dead letters.", notes=more + elsewhere())


def retry(options: Options) -> Answer:
    """Send dead letters again."""
    if bool(options["key"]) == options["all"]:
        raise ValueError("Name one message, or say --all (with --actor, --queue or --older-than, as you like).")
    which = _which(options)
    sent = do_one(actions.LETTER_AGAIN, _letters(which), os_user())
    if sent or options["all"]:
        return _done(sent, "sent again", which)
    return _run_again(options["key"])


def pause(options: Options) -> Answer:
    """Let a queue or an entry of the schedule rest."""
    name, why = options["name"], options["why"].strip()
    if not why:
        raise ValueError("Say --why: the person who finds it paused wants to know.")
    new = [do_one(actions.PAUSE[kind], named(name, name), os_user(), why=why) for kind in _resting(name)]
    said = f"{name} rests now." if any(new) else f"{name} rested already; who began that, and why, stays as it is."
    return Answer([], said, {"paused": name, "by": os_user(), "new": any(new)})


def resume(options: Options) -> Answer:
    """Let it go on."""
    name = options["name"]
    rested = [do_one(actions.RESUME[kind], named(name, name), os_user()) for kind in _resting(name)]
    said = f"{name} goes on." if any(rested) else f"{name} did not rest."
    return Answer([], said, {"resumed": name, "by": os_user(), "rested": any(rested)})


def _run_again(message_id: str) -> Answer:
    """No dead letter has this id any more; the history may."""
    jobs = history.runs(message_id=message_id, limit=1)
    if not jobs:
        raise ValueError("Neither the dead letters nor the history have a message of that id that can be sent again.")
    sent_as = do_one(actions.JOB_AGAIN, actions.JOB_AGAIN.about(jobs[0]), os_user())
    return Answer([], f"{jobs[0].actor} was sent again, as {sent_as}.", {"sent again": 1, "as": sent_as})


def _which(options: Options) -> dead_letters.DeadLetterFilter:
    if options["queue"] not in ("", *broker.queue_names()):
        known = ", ".join(broker.queue_names())
        raise ValueError(f"There is no queue {printable(options['queue'])!r}. Write one of these: {known}.")
    return dead_letters.DeadLetterFilter(
        options["key"] or "", options["queue"], options["actor"], options["older_than"]
    )


def _letters(which: dead_letters.DeadLetterFilter) -> Subject:
    chosen = [f"{name} {value}" for name, value in asdict(which).items() if value]
    return named("", f"dead letters: {', '.join(chosen) or 'all'}", which)


def _done(count: int, what: str, which: dead_letters.DeadLetterFilter) -> Answer:
    """That no letter is left is well; that there is none of the name that somebody wrote is not."""
    if which.key and not count:
        raise ValueError(_no_letter(which))
    return Answer([], f"{count} {what}." if count else "There was none.", {what: count})


def _no_letter(which: dead_letters.DeadLetterFilter) -> str:
    return f"There is no dead letter {printable(which.key)!r} of that kind; `jobs dead` lists those there are."


def _resting(name: str) -> list[Pause.Kind]:
    """The kinds of what bears this name: a queue, an entry of the schedule."""
    known = {kind: actions.known(kind) for kind in (pauses.QUEUE, pauses.SCHEDULE)}
    if found := [kind for kind, names in known.items() if name in names]:
        return found
    said = "; ".join(f"{kind.value}: {', '.join(sorted(names))}" for kind, names in known.items())
    raise ValueError(f"Nothing here is named {printable(name)!r}. Write one of these. {said}.")
