"""`manage.py jobs`: running, finished, waiting and dead jobs, and what is wrong."""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.core.management.base import CommandParser

from actors.models import Job
from actors.operations import dead_letters
from actors.operations.cli.change import dead, pause, resume, retry
from actors.operations.cli.result import CommandResult, Options
from actors.operations.cli.show import active, doctor, past, queues, registered, reserved, scheduled, stats
from config.actions import ActionRefused
from config.cli.arguments import count, length, since
from config.cli.command import Command as Base
from config.cli.command import NoAnswer, SomethingLeft


@dataclass(frozen=True)
class Part:
    """One subcommand of `jobs`."""

    help: str
    run: Callable[[Options], CommandResult]
    arguments: Callable[[argparse.ArgumentParser], object] = lambda words: None


def _of_stats(words: argparse.ArgumentParser) -> None:
    words.add_argument("--since", type=since, help="90m, 6h, 2d, or a date or time (UTC); default: the last day")


def _of_history(words: argparse.ArgumentParser) -> None:
    words.add_argument(
        "message", nargs="?", default="", metavar="message_id", help="all runs of one message, with their tracebacks"
    )
    words.add_argument("--actor", default="")
    words.add_argument("--outcome", default="", choices=["", *Job.Outcome.values])
    words.add_argument("--since", type=since, help="90m, 6h, 2d, or a date or time (UTC)")
    words.add_argument("--limit", type=count, default=50)


def _of_letters(words: argparse.ArgumentParser) -> None:
    words.add_argument("key", nargs="?", default="", metavar="message_id")
    words.add_argument("--queue", default="")
    words.add_argument("--actor", default="")
    words.add_argument("--older-than", type=length, help="90m, 6h, 2d")
    words.add_argument("--all", action="store_true", help="all that match the filters")


def _of_dead(words: argparse.ArgumentParser) -> None:
    _of_letters(words)
    words.add_argument("--limit", type=count, default=dead_letters.FIND_LIMIT)
    words.add_argument("--drop", action="store_true", help="delete the chosen ones; --limit does not count here")
    words.add_argument("--why", default="", help="the reason for --drop, for the log")


def _of_pause(words: argparse.ArgumentParser) -> None:
    words.add_argument("name", metavar="QUEUE|SCHEDULE", help="a queue, or the actor of an entry of the schedule")
    words.add_argument("--why", required=True, help="the reason, for the person who finds it paused")


def _of_resume(words: argparse.ArgumentParser) -> None:
    words.add_argument("name", metavar="QUEUE|SCHEDULE", help="what rests")


PARTS = {
    "active": Part("what runs now, and where", active),
    "registered": Part("the actors that this project declares", registered),
    "scheduled": Part("the schedule: next and last due times", scheduled),
    "reserved": Part("messages that workers hold but have not started", reserved),
    "stats": Part("what each actor did, and the running workers", stats, _of_stats),
    "history": Part("finished runs, latest first", past, _of_history),
    "queues": Part("waiting messages, their age, and the consumers", queues),
    "dead": Part("dead letters: show or drop them", dead, _of_dead),
    "retry": Part("send dead letters again, or a message of the history", retry, _of_letters),
    "pause": Part("pause a queue or an entry of the schedule: nothing is lost", pause, _of_pause),
    "resume": Part("resume it", resume, _of_resume),
    "doctor": Part("what is wrong, since when, and what helps", doctor),
}


class Command(Base):
    help = f"Shows and manages jobs: {', '.join(PARTS)}."

    def add_arguments(self, parser: CommandParser) -> None:
        chosen = parser.add_subparsers(dest="what", required=True, metavar="what")
        for name, part in PARTS.items():
            words = chosen.add_parser(name, help=part.help, description=part.help)
            words.add_argument("--json", action="store_true", help="for a program")
            part.arguments(words)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            result = PARTS[options["what"]].run(options)
        except (ActionRefused, ValueError) as error:
            raise NoAnswer(str(error)) from error
        self.stdout.write(result.as_json() if options["json"] else result.as_text())
        if result.left:
            raise SomethingLeft(result.left)
