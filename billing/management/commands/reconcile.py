"""Reconciliation by hand: one day, many days, one account or all."""

import json
from datetime import date
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from billing import reconciliation
from billing.errors import CannotReconcile
from billing.models import Difference, Reconciliation
from billing.models.reconciliation import STANDING
from config.dates import span
from config.due import database_now

BAR = 30

UNFINISHED = 2
"""The exit status if a day could not be compared to its end; 1 means that differences wait for a person."""


class Command(BaseCommand):
    help = (
        "Compares our payments with the providers' own lists, in both directions; without a day, yesterday's. Days are "
        "written like 2026-03-29, and are those of UTC. Ends with 0 if they agree, or were mended; with 1 if a "
        "difference is left for a person; with 2 if a day could not be compared to its end."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--day", type=_day, help="one day")
        parser.add_argument("--from", type=_day, dest="first", help="the first of several days")
        parser.add_argument("--to", type=_day, dest="last", help="the last of them; otherwise yesterday")
        parser.add_argument("--account", help="one of PAYMENT_ACCOUNTS; otherwise all of them")
        parser.add_argument("--json", action="store_true", help="print the result as JSON, for programs")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            days = _wanted(options)
            accounts = [options["account"]] if options["account"] else list(settings.PAYMENT_ACCOUNTS)
            runs = [self._run(account, day, quiet=options["json"]) for day in days for account in accounts]
        except CannotReconcile as error:
            raise CommandError(str(error), returncode=UNFINISHED) from error
        left = [each for run in runs for each in run.differences.filter(state__in=STANDING).order_by("pk")]
        if options["json"]:
            self.stdout.write(json.dumps([_as_json(run) for run in runs], indent=2))
        else:
            self._table(left)
        _end(runs, len(left))

    def _run(self, account: str, day: date, *, quiet: bool) -> Reconciliation:
        bar = _Bar(self, f"{account} {day}", 0 if quiet else reconciliation.payments_of(account, day))
        run = reconciliation.reconcile(account, day, bar.show)
        if not quiet:
            bar.clear()
            self.stdout.write(_line(run))
        return run

    def _table(self, left: list[Difference]) -> None:
        rows = [("payment", "difference", "we have", "they have", "what becomes of it")]
        rows += [
            (each.provider_ref, each.get_kind_display(), each.ours, each.theirs, each.get_state_display())
            for each in left
        ]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        for row in rows if left else []:
            self.stdout.write("  ".join(map(str.ljust, row, widths)).rstrip())


class _Bar:
    """On a terminal, a line that moves; elsewhere nothing. How many payments the provider has, it does not say before:
    the bar's whole length is what we have.
    """

    def __init__(self, command: Command, label: str, total: int) -> None:
        self._out, self._label, self._total = command.stdout, label, total
        self._shown = False

    def show(self, done: int) -> None:
        if not (self._total and self._out.isatty()):
            return
        filled = BAR * min(done, self._total) // self._total
        self._out.write(
            f"\r[{'#' * filled}{'.' * (BAR - filled)}] {done}/{self._total}  {self._label}\033[K", ending=""
        )
        self._out.flush()
        self._shown = True

    def clear(self) -> None:
        if self._shown:
            self._out.write("\r\033[K", ending="")


def _line(run: Reconciliation) -> str:
    """What came of one day, in a line."""
    line = f"{run.day}  {run.account}  there {run.there}  here {run.here}"
    if run.foreign:
        line += f"  of others {run.foreign}"
    for state in Difference.State:
        if number := run.differences.filter(state=state).count():
            line += f"  {state.value} {number}"
    if not run.listed:
        line += "  (this provider has no list: only our own payments were asked about)"
    return f"{line}  NOT FINISHED: {run.error}" if run.error else line


def _as_json(run: Reconciliation) -> dict[str, Any]:
    facts = ("account", "there", "here", "foreign", "listed", "error")
    shown = ("kind", "provider_ref", "reference", "payment_id", "ours", "theirs", "state", "decided_by", "why")
    return {
        "day": run.day.isoformat(),
        **{name: getattr(run, name) for name in facts},
        "differences": list(run.differences.order_by("pk").values(*shown)),
    }


def _end(runs: list[Reconciliation], left: int) -> None:
    unfinished = [str(run) for run in runs if run.error]
    if unfinished:
        raise CommandError(f"Not finished, and tried again later: {', '.join(unfinished)}.", returncode=UNFINISHED)
    if left:
        raise CommandError(f"Differences that are left: {left}.")


def _wanted(options: dict[str, Any]) -> list[date]:
    """Raises CannotReconcile if the options make no sense together; each day is checked when it is its turn."""
    one, first, last = options["day"], options["first"], options["last"]
    if one and (first or last):
        raise CannotReconcile("Write either --day or --from and --to.")
    if last and not first:
        raise CannotReconcile("Write --from too: the first of the days.")
    yesterday = reconciliation.last_closed(database_now())
    first, last = one or first or yesterday, one or last or yesterday
    if first > last:
        raise CannotReconcile(f"--from {first} is after {last}.")
    return span(first, last)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise CommandError(f"{text!r} is no day: write one like 2026-03-29.") from None
