"""The step between a restored database and an open shop."""

import time
from argparse import ArgumentParser
from datetime import datetime
from typing import Any

from actors.scheduling import ledger
from commerce import restore
from config.cli.arguments import moment
from config.cli.command import Command as Base
from config.cli.command import NoAnswer, SomethingLeft
from config.messaging.nudges import publisher

WATCH_S = 5.0
"""A running scheduler fires a tick within this time."""


class Command(Base):
    """`manage.py restored --backup-taken-at 2026-03-29T02:00:00Z`, while everything else is stopped."""

    changes = True
    help = (
        "After a restore and before the shop opens: asks the providers what was paid since, settles it, and holds "
        "every mail that may have been sent already. Web, workers and scheduler must be stopped. May be run again."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The backup's name holds the time."""
        parser.add_argument("--backup-taken-at", type=moment, required=True, help="UTC, like 2026-03-29T02:00:00Z")
        parser.add_argument("--patience-s", type=float, default=600.0, help="longest time to ask the providers")

    def handle(self, *_args: Any, backup_taken_at: datetime, patience_s: float, **_options: Any) -> None:
        self._insist_on_a_closed_shop()
        unknown = restore.find_out(patience_s)
        restore.write_what_is_due()
        held = restore.hold_mails(backup_taken_at)
        publisher.flush(timeout_s=1)
        self.stdout.write(
            f"{held} mails are held, because they may have been sent: see the notifications that were given up, and "
            "send again what is missing.\nOrders placed since the backup are gone. What was paid for them is parked by "
            "the reconciliation of the night after, as money that we know nothing of."
        )
        if unknown:
            raise SomethingLeft(
                f"{unknown} payments and refunds could not be asked about. Run this again before you open the shop, or "
                "their mails may come twice."
            )

    def _insist_on_a_closed_shop(self) -> None:
        """In an open shop nearly every waiting mail is new, and must not be held."""
        before = ledger.newest()
        time.sleep(WATCH_S)
        if ledger.newest() != before:
            raise NoAnswer("A scheduler is running. Stop scheduler, workers and web first.")
