"""Whether every migration may run while the old code still serves customers."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from config.safe_migrations import unsafe_migrations

APPS = {"billing", "commerce", "actors"}


class Command(BaseCommand):
    """`manage.py checkmigrations`: status 1, and a line for each operation that may not."""

    help = "Refuse migrations that cannot run beside the old code, and say why."
    requires_system_checks: list[str] = []

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Needs no database."""
        if found := unsafe_migrations(APPS):
            raise CommandError("\n".join(map(str, found)))
