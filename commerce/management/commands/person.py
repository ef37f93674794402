"""`manage.py person`: exports or erases the data of a customer."""

from typing import Any

from django.core.management.base import CommandParser

from commerce.personal_data.actions import ERASE, EXPORT, at_terminal
from config.actions import ActionRefused, do_one
from config.cli.command import Command as Base
from config.cli.command import NoAnswer, SomethingLeft, os_user
from config.cli.tables import as_json


class Command(Base):
    changes = True
    help = (
        "The personal data of a customer, who is known by a mail address. Make sure first that the address is the "
        "asking person's own."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True, metavar="export | erase")
        exporting = verbs.add_parser("export", help="print all data of the customer as JSON")
        erasing = verbs.add_parser("erase", help="erase it; goods, amounts and payments stay, and name nobody")
        erasing.add_argument("--why", required=True, help="the reason, for the log; it must not name the customer")
        for verb in (exporting, erasing):
            verb.add_argument("address", metavar="ADDRESS", help="the customer's mail address")

    def handle(self, *args: Any, **options: Any) -> None:
        subject = at_terminal(options["address"].strip())
        if not subject.target.is_known:
            raise NoAnswer("No order, account or mail has this address.")
        try:
            if options["verb"] == "export":
                self.stdout.write(as_json(do_one(EXPORT, subject, os_user())))
            else:
                self.stdout.write(f"Erased: {do_one(ERASE, subject, os_user(), why=options['why'])}.")
        except ActionRefused as refusal:
            raise SomethingLeft(str(refusal)) from None
