"""`manage.py secondfactor remove olga --why "…"`: for a person who has lost the phone and the recovery codes."""

from argparse import ArgumentParser
from typing import Any

from django.contrib.auth.models import User

from commerce.admin.people import REMOVE_SECOND_FACTOR
from config.actions import do_one
from config.cli.command import Command as Base
from config.cli.command import NoAnswer, os_user
from config.formats import printable


class Command(Base):
    help = "Removes the second factor of a staff user who has lost it; the user's sessions are no longer verified."

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True, metavar="remove")
        removing = verbs.add_parser("remove", help="remove app and recovery codes")
        removing.add_argument("user", metavar="USER", help="the user's name")
        removing.add_argument("--why", required=True, help="the reason, for the log")

    def handle(self, *_args: Any, **options: Any) -> None:
        user = User.objects.filter(username=options["user"]).first()
        if user is None:
            raise NoAnswer(f"There is no user {printable(options['user'])!r}.")
        about = REMOVE_SECOND_FACTOR.about(user)
        if not do_one(REMOVE_SECOND_FACTOR, about, os_user(), why=options["why"]):
            raise NoAnswer(f"{printable(options['user'])!r} has no second factor.")
        self.stdout.write(f"The second factor of {printable(options['user'])} is removed.")
