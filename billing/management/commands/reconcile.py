"""`manage.py reconcile`: compare one day or many, of one account or all."""

from datetime import date
from functools import partial
from typing import Any

from django.conf import settings
from django.core.management.base import CommandParser

from billing.errors import CannotReconcile
from billing.models import Difference, Reconciliation
from billing.models.reconciliation import STANDING
from billing.reconciliation import runs as reconciliation_runs
from config.cli.arguments import add_days, days
from config.cli.command import Command as Base
from config.cli.command import NoAnswer, SomethingLeft, progress_bar
from config.cli.tables import Row, as_json, table
from config.due.queue import database_now


class Command(Base):
    changes = True
    help = (
        "Compares our payments with the providers' own lists, in both directions, for yesterday or the given days in "
        "UTC. Ends with 1 if a difference is not settled, with 2 if a day could not be compared completely."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        add_days(parser, "yesterday")
        parser.add_argument("--account", help="one of PAYMENT_ACCOUNTS; otherwise all of them")
        parser.add_argument("--json", action="store_true", help="print the result as JSON, for programs")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            yesterday = reconciliation_runs.last_closed(database_now())
            wanted = days(options, yesterday) or [yesterday]
            accounts = [options["account"]] if options["account"] else list(settings.PAYMENT_ACCOUNTS)
            every = [(account, day) for day in wanted for account in accounts]
            bars = self.stdout.isatty() and not options["json"]
            labels = [
                f"{account} {day} ({n} of {len(every)})" if bars else "" for n, (account, day) in enumerate(every, 1)
            ]
            runs = [self._run(*each, label, quiet=options["json"]) for each, label in zip(every, labels, strict=True)]
        except CannotReconcile as error:
            raise NoAnswer(str(error)) from error
        left = [each for run in runs for each in run.differences.filter(state__in=STANDING).order_by("pk")]
        if options["json"]:
            self.stdout.write(as_json([_serialize(run) for run in runs]))
        else:
            self.stdout.write(table([_row(each) for each in left], ""), ending="\n" if left else "")
        if unfinished := [str(run) for run in runs if run.error]:
            raise NoAnswer(f"Not finished, will be tried again later: {', '.join(unfinished)}.")
        if left:
            raise SomethingLeft(f"Open differences: {len(left)}.")

    def _run(self, account: str, day: date, label: str, *, quiet: bool) -> Reconciliation:
        """With a label, under a bar. Its length is our number of payments: the provider's is not known before."""
        total = max(1, reconciliation_runs.payments_of(account, day)) if label else 0
        show = partial(self._show, label, total)
        show(0)
        run = reconciliation_runs.reconcile(account, day, show)
        if not quiet:
            self.stdout.write(("\r\033[K" if label else "") + _line(run))
        return run

    def _show(self, label: str, total: int, done: int) -> None:
        if label:
            self.stdout.write(progress_bar(done, total, label), ending="")
            self.stdout.flush()


def _line(run: Reconciliation) -> str:
    line = f"{run.day}  {run.account}  there {run.there}  here {run.here}"
    if run.foreign:
        line += f"  of others {run.foreign}"
    if run.unreadable:
        line += f"  unreadable {run.unreadable}"
    for state in Difference.State:
        if number := run.differences.filter(state=state).count():
            line += f"  {state.value} {number}"
    if not run.listed:
        line += "  (this provider has no list: only our own payments were read)"
    return f"{line}  NOT FINISHED: {run.error}" if run.error else line


def _row(difference: Difference) -> Row:
    return {
        "payment": difference.provider_ref,
        "difference": difference.get_kind_display(),
        "we have": difference.ours,
        "they have": difference.theirs,
        "state": difference.get_state_display(),
    }


def _serialize(run: Reconciliation) -> dict[str, Any]:
    names = ("account", "there", "here", "foreign", "unreadable", "listed", "error")
    shown = ("kind", "provider_ref", "reference", "payment_id", "ours", "theirs", "state", "decided_by", "why")
    return {
        "day": run.day,
        **{name: getattr(run, name) for name in names},
        "differences": list(run.differences.order_by("pk").values(*shown)),
    }
