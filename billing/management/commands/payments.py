"""`manage.py payments`: list payments, explain one, check it now, and list what needs an operator."""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import CommandParser

from billing.attention import waiting_for_a_person
from billing.attention_list import Item, all_items
from billing.explain.serialize import filter_payments, serialize_payment, serialize_story
from billing.lookup import payments_named
from billing.management import check_now
from billing.models import Payment
from billing.payments import service as payments
from billing.states import Status
from config.cli.arguments import count, length
from config.cli.command import Command as Base
from config.cli.command import NoAnswer, SomethingLeft
from config.cli.tables import Row, as_json, cell, moment, table
from config.database.counts import counted
from config.due.queue import database_now
from config.formats import in_words, printable

LIMIT = 50

WIDE = 1_000
"""Column width for sentences and URLs, so that they are not cut."""


class Command(Base):
    help = "Payments: list them, explain one, check it now, and list what needs an operator."

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True, metavar="list | show | check | attention")
        listing = verbs.add_parser("list", help="the newest payments, or those that match")
        listing.add_argument("--account", choices=sorted(settings.PAYMENT_ACCOUNTS), help="of this account")
        listing.add_argument("--status", choices=Status.values, help="in this state")
        listing.add_argument("--due", action="store_true", help="whose check is due, the longest wait first")
        listing.add_argument("--older-than", type=length, metavar="TIME", help="started longer ago: 90s, 15m, 2h, 3d")
        listing.add_argument("--limit", type=count, default=LIMIT, help=f"the most to list, {LIMIT} by default")
        showing = verbs.add_parser("show", help="one payment: its columns, its state and why, its timeline")
        showing.add_argument("payment", metavar="REF|ID", help="number, the shop's reference, or the provider's id")
        checking = verbs.add_parser("check", help="ask the provider now")
        checking.add_argument("payment", nargs="+", metavar="REF|ID", help="as for show; several may be named")
        checking.add_argument("--wait", action="store_true", help="check in this process, and print the result")
        waiting = verbs.add_parser("attention", help="what needs an operator, and what can be done about it")
        waiting.add_argument("--limit", type=count, default=LIMIT, help="the most rows of each kind")
        for verb in (listing, showing, checking, waiting):
            verb.add_argument("--json", action="store_true", help="print the result as JSON, for programs")

    def handle(self, *args: Any, **options: Any) -> None:
        verbs: dict[str, Callable[[dict[str, Any]], None]] = {
            "list": self._list, "show": self._show, "check": self._check, "attention": self._attention,
        }  # fmt: skip
        verbs[options["verb"]](options)

    def _list(self, options: dict[str, Any]) -> None:
        now, age = database_now(), options["older_than"]
        before, due_at = now - age if age is not None else None, now if options["due"] else None
        rows = filter_payments(options["account"], options["status"], due_at=due_at, begun_before=before)[
            : options["limit"]
        ]
        if options["json"]:
            return self._print_json([serialize_payment(row) for row in rows])
        self.stdout.write(table([_row(row, now) for row in rows], "There is no such payment."))
        return None

    def _show(self, options: dict[str, Any]) -> None:
        payment = _found(options["payment"])
        story = serialize_story(payment, payments.history(payment.reference))
        if options["json"]:
            return self._print_json(story)
        width = max(map(len, story["payment"]))
        for name, value in story["payment"].items():
            self.stdout.write(f"{name:{width}}  {_spoken(value)}")
        self.stdout.write("\nState")
        for sentence in story["standing"]:
            self.stdout.write(f"  {printable(sentence)}")
        self.stdout.write("\nWhat happened")
        for entry in story["timeline"]:
            self.stdout.write(f"  {moment(entry['at'])} UTC  {printable(entry['text'])}")
        return None

    def _check(self, options: dict[str, Any]) -> None:
        check = check_now.check_and_wait if options["wait"] else check_now.request_check
        results = [check(payment) for payment in [_found(word) for word in options["payment"]]]
        check_now.flush_nudges()
        if options["json"]:
            rows = [{"payment": each.payment.pk, "looked": each.done, "said": each.message} for each in results]
            self._print_json(rows)
        else:
            self.stdout.write(table([each.line for each in results], "", WIDE))
        if left := [str(each.payment.pk) for each in results if not each.done]:
            raise SomethingLeft(f"Not checked: {', '.join(left)}.")

    def _attention(self, options: dict[str, Any]) -> None:
        items = all_items(options["limit"])
        if options["json"]:
            self._print_json([vars(item) for item in items])
        for item in [] if options["json"] else items:
            self._print_item(item)
        if items:
            raise SomethingLeft(_left(items))
        if not options["json"]:
            self.stdout.write("Nothing needs an operator.")

    def _print_item(self, item: Item) -> None:
        self.stdout.write(printable(f"{item.noun} {item.key}  {item.name}  {item.what}"))
        for line in (cell(item.note, WIDE), f"resolutions: {'; '.join(item.resolutions) or '–'}", item.page):
            self.stdout.write(f"    {line}")

    def _print_json(self, value: object) -> None:
        self.stdout.write(as_json(value))


def _left(items: Sequence[Item]) -> str:
    """All that wait are counted, not only those that are listed."""
    listed = Counter(item.noun for item in items)
    waiting = {each.noun: each.rows for each in waiting_for_a_person()}
    left = f"Need an operator: {counted(sum((listed | waiting).values()))}."
    cut = [f"{n} of {counted(waiting[noun])} {noun}s" for noun, n in listed.items() if n < waiting.get(noun, n)]
    return f"{left} Shown: the newest {', '.join(cut)}; --limit shows more." if cut else left


def _found(word: str) -> Payment:
    """The newest payment that the word names: earlier ones of an order have ended without money."""
    payment = Payment.objects.filter(payments_named(word)).order_by("-pk").first()
    if payment is None:
        where = "a number, the shop's reference, or the provider's id"
        raise NoAnswer(f"There is no payment {printable(word)!r}. Write {where}.")
    return payment


def _row(payment: Payment, now: datetime) -> Row:
    names = ("reference", "account", "amount", "status", "attention")
    return {
        "id": payment.pk,
        **{name: getattr(payment, name) for name in names},
        "started": f"{in_words(now - payment.created_at)} ago",
        "next check": _next_check(payment, now),
        "errors": payment.errors,
    }


def _next_check(payment: Payment, now: datetime) -> str:
    if payment.next_check_at is None:
        return "never"
    wait = payment.next_check_at - now
    return f"in {in_words(wait)}" if wait > timedelta(0) else f"due for {in_words(-wait)}"


def _spoken(value: Any) -> str:
    if isinstance(value, datetime):
        return f"{moment(value)} UTC"
    return f"{value['value']} {value['currency']}" if isinstance(value, dict) else cell(value, WIDE)
