"""Jobs: running, finished, waiting and dead ones, and what is wrong."""

from typing import Any

from django.core.management.base import CommandParser

from actors.operations.cli.words import PARTS
from config.actions import ActionRefused
from config.cli.command import Command as Base
from config.cli.command import NoAnswer, SomethingLeft


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
