"""Checks the database and the broker, before web and worker start."""

from typing import Any

from django.core.management.base import CommandParser

from actors.runtime.startup import services_problems
from config.cli.command import Command as Base
from config.cli.command import SomethingLeft


class Command(Base):
    help = "Checks that the database answers and is up to date, and that RabbitMQ answers; says what to do if not."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--without-broker", action="store_true", help="for the web, which does not need the broker")

    def handle(self, *args: Any, **options: Any) -> None:
        problems = services_problems(broker=not options["without_broker"])
        if problems:
            raise SomethingLeft("\n".join(problems))
