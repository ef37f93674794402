"""`manage.py person`: exports or erases the data of a customer."""

from typing import Any

from django.core.management.base import CommandParser
from django.db import transaction

from commerce.personal_data.erasing import ERASED, erase
from commerce.personal_data.export import EXPORTED, export
from commerce.personal_data.people import Person
from config.actions import ActionRefused, record
from config.cli.command import Command as Base
from config.cli.command import NoAnswer, SomethingLeft, os_user
from config.cli.tables import as_json


class Command(Base):
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
        person = Person(options["address"].strip())
        if not person.is_known:
            raise NoAnswer("No order, account or mail has this address.")
        try:
            self._export(person) if options["verb"] == "export" else self._erase(person, options["why"])
        except ActionRefused as refusal:
            raise SomethingLeft(str(refusal)) from None

    def _export(self, person: Person) -> None:
        self.stdout.write(as_json(export(person)))
        record(os_user(), person.subject, str(EXPORTED), "")

    def _erase(self, person: Person, why: str) -> None:
        with transaction.atomic():
            erased = erase(person)
            record(os_user(), person.subject, str(ERASED), why)
        self.stdout.write(f"Erased: {erased}.")
