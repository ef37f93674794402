"""The base of all commands: exit statuses and progress.

A command ends with 0 if all is well; with 1 if it did its work and something is left to do or was found; with 2 if
there is no answer: an unknown id, a database or broker that does not answer, wrong arguments.
"""

import getpass
import logging
import os
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser, SystemCheckError
from django.db import Error
from django.utils import translation

from config.errors.exception_text import summary
from config.health.liveness import database_problem

log = logging.getLogger(__name__)

SOMETHING_LEFT, NO_ANSWER = 1, 2

EXIT_STATUS_HELP = "Ends with 0 if all is well, 1 if something is left to do or was found, 2 if there is no answer."

BAR = 30


class SomethingLeft(CommandError):
    """The work was done, and something is left to do or was found."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence, returncode=SOMETHING_LEFT)


class NoAnswer(CommandError):
    """The work could not be done."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence, returncode=NO_ANSWER)


class Command(BaseCommand):
    """Ends by the rule above, also when the database fails."""

    changes = False
    """Does it change rows without an action (`config.actions`)? Then the log says who ran it."""

    def create_parser(self, prog_name: str, subcommand: str, **options: Any) -> CommandParser:
        """The help text explains the exit statuses."""
        return super().create_parser(prog_name, subcommand, epilog=EXIT_STATUS_HELP, **options)

    def execute(self, *args: Any, **options: Any) -> str | None:
        """Django's, in no reader's language, and with one sentence for each error, without the name of its class.

        Another program that calls the command gets the exception, and so does `--traceback`.
        """
        try:
            return self._execute(*args, **options)
        except (SomethingLeft, NoAnswer) as error:
            at_a_terminal: bool = self._called_from_command_line  # type: ignore[attr-defined]  # missing in the stubs
            if not at_a_terminal or options.get("traceback"):
                raise
            self.stderr.write(str(error))
            sys.exit(error.returncode)

    def _execute(self, *args: Any, **options: Any) -> str | None:
        """Database errors are one sentence, and arguments that no database would take are refused."""
        for value in (each for some in options.values() for each in (some if isinstance(some, list) else [some])):
            if isinstance(value, str) and not _is_text(value):
                raise NoAnswer(f"{value!a} is not text: it has bytes that are no letters in this terminal.")
        try:
            with translation.override(None):
                result = super().execute(*args, **options)
            self._record()
            return result
        except SomethingLeft:
            self._record()
            raise
        except SystemCheckError as error:
            error.returncode = NO_ANSWER
            raise
        except Error as error:
            problem = database_problem() or f"The database has refused: {summary(error)}"
            raise NoAnswer(problem) from error

    def _record(self) -> None:
        if self.changes:
            command = type(self).__module__.rpartition(".")[2]
            log.warning("command.done", extra={"by": os_user(), "command": command})


def _is_text(argument: str) -> bool:
    """Python keeps bytes that it cannot decode as lone surrogates."""
    return not any("\ud800" <= character <= "\udfff" for character in argument)


def os_user() -> str:
    """The operating system's user name; a number if there is none (in a container)."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


def progress_bar(done: int, total: int, label: str) -> str:
    """A line for a terminal that replaces the line before."""
    filled = BAR * min(done, total) // total
    return f"\r[{'#' * filled}{'.' * (BAR - filled)}] {done}/{total}  {label}\033[K"
