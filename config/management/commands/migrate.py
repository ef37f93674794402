"""Applies migrations as the role that owns the tables."""

from typing import Any

from django.core.management.commands.migrate import Command as Migrate
from django.db import ProgrammingError
from psycopg.errors import InsufficientPrivilege

from config.cli.command import Command as Base
from config.cli.command import NoAnswer
from config.database.roles import as_owner


class Command(Base, Migrate):
    """Django's command, connected by DATABASE_OWNER_URL if it is set."""

    def handle(self, *args: Any, **options: Any) -> None:
        """Raises NoAnswer for a role that may not change tables."""
        try:
            with as_owner():
                super().handle(*args, **options)
        except ProgrammingError as error:
            if not isinstance(error.__cause__, InsufficientPrivilege):
                raise
            why = error.__cause__.diag.message_primary
            sentence = f"This role may not change tables ({why}): set DATABASE_OWNER_URL to the role that owns them."
            raise NoAnswer(sentence) from error
