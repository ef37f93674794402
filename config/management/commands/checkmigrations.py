"""Checks that every migration may run while the old code still serves customers."""

from typing import Any

from config.cli.command import Command as Base
from config.cli.command import SomethingLeft
from config.database.safe_migrations import unsafe_migrations

APPS = {"billing", "commerce", "actors"}


class Command(Base):
    """`manage.py checkmigrations`: prints a line for each unsafe operation."""

    help = "Refuse migrations that cannot run beside the old code, and say why."
    requires_system_checks: list[str] = []

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Needs no database."""
        if found := unsafe_migrations(APPS):
            raise SomethingLeft("\n".join(found))
