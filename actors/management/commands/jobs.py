"""What runs, what ran, what waits, what is dead, and what is wrong."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error

from actors.brokers import BrokerSilent
from actors.jobs import commands
from config.health import database_address


class Command(BaseCommand):
    help = "Looks at jobs: active, registered, scheduled, reserved, stats, history, queues, dead, retry, doctor."

    def add_arguments(self, parser: CommandParser) -> None:
        chosen = parser.add_subparsers(dest="what", required=True, metavar="what")
        for name, part in commands.PARTS.items():
            words = chosen.add_parser(name, help=part.help, description=part.help)
            words.add_argument("--json", action="store_true", help="for a program")
            part.arguments(words)

    def handle(self, *args: Any, **options: Any) -> None:
        """Ends with 0; with 1 if `doctor` found something, nothing was there to retry or drop, or a part is away."""
        try:
            answer = commands.PARTS[options["what"]].run(options)
        except BrokerSilent as error:
            raise CommandError(str(error)) from error
        except Error as error:
            raise CommandError(
                f"The database does not answer as it should ({type(error).__name__}); see DATABASE_URL, now "
                f"{database_address()}, and run `make migrate` if it is new."
            ) from error
        except ValueError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(answer.as_json() if options["json"] else answer.as_text())
        if answer.is_bad:
            raise SystemExit(1)
