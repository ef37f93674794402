"""Payments at the command line: which there are, why one is where it is, look now, and what waits for a person."""

import json
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.serializers.json import DjangoJSONEncoder
from django.db import Error

from billing import looking, payments
from billing.cases import Case, every_case
from billing.finding import payments_named
from billing.models import Payment
from billing.payment_facts import chosen, facts, whole_story
from billing.states import Status
from config import durations
from config.due import database_now
from config.health import database_problem
from config.tables import aligned, plain

NO_ANSWER = 2
"""The exit status if the question could not be answered; 1 means that it was, and somebody has to do something."""

LIMIT = 50

MOMENT = "%Y-%m-%d %H:%M:%S UTC"

EXIT_STATUS = (
    "Ends with 0 if all is well; with 1 if something is left to do (a payment was not looked at, or a person must "
    "look); with 2 if there is no answer: no such payment, or the database is away."
)


class Command(BaseCommand):
    help = f"Payments: list them, tell why one is where it is, look now, and what waits for a person. {EXIT_STATUS}"

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True, metavar="list | show | check | attention")
        listing = verbs.add_parser("list", help="the newest payments, or those that fit")
        listing.add_argument("--account", choices=sorted(settings.PAYMENT_ACCOUNTS), help="of this account")
        listing.add_argument("--status", choices=Status.values, help="in this state")
        listing.add_argument("--due", action="store_true", help="whose look is due, those that waited longest first")
        listing.add_argument("--older-than", type=_length, metavar="TIME", help="begun so long ago: 90s, 15m, 2h, 3d")
        listing.add_argument("--limit", type=_number, default=LIMIT, help=f"so many at the most; {LIMIT} if not said")
        showing = verbs.add_parser("show", help="everything about one payment, and why it is where it is")
        showing.add_argument("payment", metavar="REF|ID", help="number, the shop's reference, or the provider's id")
        checking = verbs.add_parser("check", help="ask the provider now")
        checking.add_argument("payment", nargs="+", metavar="REF|ID", help="as for show; several may be named")
        checking.add_argument("--wait", action="store_true", help="look from here, and say what was found")
        waiting = verbs.add_parser("attention", help="what a person must look at, and what can be done about it")
        waiting.add_argument("--limit", type=_number, default=LIMIT, help="so many of each kind at the most")
        for verb in (listing, showing, checking, waiting):
            verb.add_argument("--json", action="store_true", help="print the result as JSON, for programs")

    def handle(self, *args: Any, **options: Any) -> None:
        verbs: dict[str, Callable[[dict[str, Any]], None]] = {
            "list": self._list, "show": self._show, "check": self._check, "attention": self._attention,
        }  # fmt: skip
        try:
            verbs[options["verb"]](options)
        except Error as error:
            problem = database_problem() or f"The database has refused ({type(error).__name__}): {error}"
            raise CommandError(problem, returncode=NO_ANSWER) from error

    def _list(self, options: dict[str, Any]) -> None:
        now, age = database_now(), options["older_than"]
        before, due_at = now - age if age is not None else None, now if options["due"] else None
        rows = chosen(options["account"], options["status"], due_at=due_at, begun_before=before)[: options["limit"]]
        if options["json"]:
            return self._print_json([facts(row) for row in rows])
        head = ("id", "reference", "account", "amount", "status", "attention", "begun", "next look", "errors")
        self.stdout.write(aligned(head, [(*_line(row), *_times(row, now), row.errors) for row in rows]))
        return None

    def _show(self, options: dict[str, Any]) -> None:
        payment = _found(options["payment"])
        story = whole_story(payment, payments.history(payment.reference))
        if options["json"]:
            return self._print_json(story)
        width = max(map(len, story["payment"]))
        for name, value in story["payment"].items():
            self.stdout.write(f"{name:{width}}  {_spoken(value)}")
        self.stdout.write("\nWhy it is where it is")
        for sentence in story["standing"]:
            self.stdout.write(f"  {plain(sentence)}")
        self.stdout.write("\nWhat happened")
        for entry in story["timeline"]:
            self.stdout.write(f"  {entry['at']:{MOMENT}}  {plain(entry['text'])}")
        return None

    def _check(self, options: dict[str, Any]) -> None:
        look = looking.look_and_wait if options["wait"] else looking.ask_for_look
        looks = [look(payment) for payment in [_found(word) for word in options["payment"]]]
        looking.send_nudges()
        if options["json"]:
            self._print_json([{"payment": each.payment.pk, "looked": each.done, "said": each.said} for each in looks])
        else:
            self.stdout.write(aligned(("id", "reference", "what came of it"), [each.line for each in looks]))
        if left := [str(each.payment.pk) for each in looks if not each.done]:
            raise CommandError(f"Not looked at: {', '.join(left)}.")

    def _attention(self, options: dict[str, Any]) -> None:
        cases = every_case(options["limit"])
        if options["json"]:
            self._print_json([vars(case) for case in cases])
        for case in [] if options["json"] else cases:
            self._tell(case)
        if cases:
            raise CommandError(f"A person must look at {len(cases)}.")
        if not options["json"]:
            self.stdout.write("Nothing waits for a person.")

    def _tell(self, case: Case) -> None:
        self.stdout.write(plain(f"{case.noun} {case.key}  {case.reference}  {case.what}"))
        self.stdout.write(f"    {plain(case.note)}\n    ways out: {'; '.join(case.ways_out) or '–'}\n    {case.page}\n")

    def _print_json(self, value: object) -> None:
        self.stdout.write(json.dumps(value, indent=2, cls=DjangoJSONEncoder, ensure_ascii=False))


def _found(word: str) -> Payment:
    """The newest of those that it may mean: of one order, the others have come to nothing."""
    payment = Payment.objects.filter(payments_named(word)).order_by("-pk").first()
    if payment is None:
        where = "a number, the shop's reference, or the provider's id"
        raise CommandError(f"There is no payment {plain(word)!r}. Write {where}.", returncode=NO_ANSWER)
    return payment


def _line(payment: Payment) -> Sequence[object]:
    return payment.pk, payment.reference, payment.account, payment.amount, payment.status, payment.attention


def _times(payment: Payment, now: datetime) -> tuple[str, str]:
    begun = f"{durations.spoken(now - payment.created_at)} ago"
    if payment.next_check_at is None:
        return begun, "never"
    wait = payment.next_check_at - now
    return begun, f"in {durations.spoken(wait)}" if wait > timedelta(0) else f"due since {durations.spoken(-wait)}"


def _spoken(value: Any) -> str:
    if isinstance(value, datetime):
        return f"{value:{MOMENT}}"
    return f"{value['value']} {value['currency']}" if isinstance(value, dict) else plain(value)


def _length(text: str) -> timedelta:
    try:
        return durations.parse(text)
    except ValueError as error:
        raise CommandError(f"{error}.", returncode=NO_ANSWER) from None


def _number(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) <= 10_000:
        raise CommandError(f"{text!r} is no limit: write a whole number from 1 to 10000.", returncode=NO_ANSWER)
    return int(text)
