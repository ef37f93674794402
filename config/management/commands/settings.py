"""The reference of all settings."""

from argparse import ArgumentParser
from typing import Any

from config.cli.command import Command as Base
from config.env import reference


class Command(Base):
    """`manage.py settings --markdown > deploy/SETTINGS.md`."""

    help = "List every setting: type, unit, default, example, and what a wrong value does."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--markdown", action="store_true", help="as deploy/SETTINGS.md")

    def handle(self, *_args: Any, markdown: bool, **_options: Any) -> None:
        """Names alone suit a shell script."""
        self.stdout.write(reference.markdown() if markdown else "\n".join(sorted(reference.names())), ending="")
