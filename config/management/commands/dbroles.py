"""PostgreSQL's roles for this shop, made before the first migration or afterwards."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings

from config.cli.command import Command as Base
from config.cli.command import NoAnswer
from config.database.roles import owner_database, statements


class Command(Base):
    """`manage.py dbroles | psql --username=postgres --dbname=shop --set=ON_ERROR_STOP=1 --single-transaction`."""

    help = (
        "Print SQL for a superuser: the roles of DATABASE_URL, of DATABASE_OWNER_URL and of readers, and their rights."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--readers", default="till_read", help="role to grant to people who may read numbers")

    def handle(self, *_args: Any, readers: str, **_options: Any) -> None:
        """Passwords are printed only as salted hashes. Needs no database."""
        app, owner = settings.DATABASES["default"], owner_database()
        if not owner:
            raise NoAnswer(
                "DATABASE_OWNER_URL is not set: write an address like postgres://till_owner:password@host/name."
            )
        if not (app.get("USER") and owner["USER"]) or len({app["USER"], owner["USER"], readers}) < 3:
            raise NoAnswer("DATABASE_URL, DATABASE_OWNER_URL and --readers need a user each, and not the same one.")
        self.stdout.write(statements(app, owner, readers), ending="")
