"""The embedded mode: all of Tillkeeper in one process, with nothing but Python and SQLite."""

import io
from argparse import ArgumentParser
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.management import call_command, get_commands

from actors.runtime import embedded
from actors.runtime.startup import stop_signal
from config.cli.command import Command as Base
from config.cli.command import NoAnswer, progress_bar
from config.env.files import lock_until_the_end
from config.health.liveness import database_problem, missing_migrations
from config.hosts import can_be_public, host_and_port

APPLIED = "  Applying "
"""What Django writes before each migration."""


class Command(Base):
    help = "Runs web, workers, scheduler and the sandbox provider in this process, until Ctrl-C."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--prepare", action="store_true", help="before: migrate, and refresh the demo products")

    def handle(self, *args: Any, prepare: bool, **options: Any) -> None:
        if settings.BROKER_URL:
            raise NoAnswer("BROKER_URL is set, but this mode has its own broker. Unset it, or use `make worker`.")
        if pid := lock_until_the_end(settings.VAR_DIR / "runlocal.lock"):  # before anything is changed
            raise NoAnswer(
                f"Process {pid} already runs a shop in {settings.VAR_DIR}. Stop it, or set another VAR_DIR, SHOP_URL "
                "and SANDBOX_URL for this one."
            )
        with embedded.addresses() as listener:  # a taken one is said at once, and not after the migrations
            if prepare:
                self._prepare()
            if problem := database_problem():
                raise NoAnswer(problem)
            self._say("Starting the shop, its workers and the scheduler …")
            told = stop_signal()
            with embedded.work_at(listener):
                self._welcome()
                told.get()
                self.stdout.write("Stopping: running jobs end, everything else waits in the database.")

    def _prepare(self) -> None:
        """Migrate, and put the demo products on the shelf."""
        if missing := missing_migrations():
            self._say(f"Preparing the database in {settings.VAR_DIR}: {len(missing)} steps …")
            call_command("migrate", verbosity=1, no_color=True, stdout=Steps(len(missing), self._show_step))
        if "demoshop" in get_commands():  # another project has none
            self._say("Refreshing the demo products …")
            call_command("demoshop", quiet=True)

    def _show_step(self, number: int, total: int, name: str) -> None:
        """A bar on a terminal, else a line for each step."""
        if self.stdout.isatty():
            self.stdout.write(progress_bar(number, total, name), ending="\n" if number == total else "")
            self.stdout.flush()
        else:
            self._say(f"  {number} of {total}  {name}")

    def _welcome(self) -> None:
        """The addresses to open, and the operator's login: one text, which no line of the log divides."""
        server = host_and_port(settings.EMAIL_HOST, settings.EMAIL_PORT)
        mails = server if settings.EMAIL_HOST else f"{settings.SHOP_URL}/mails/"
        lines = [
            "",
            f"  Shop      {settings.SHOP_URL}/",
            f"  Operator  {settings.SHOP_URL}/admin/   {embedded.operator_login()}",
            *providers(),
            f"  Mails     {mails}",
            "",
            "  Ctrl-C ends it; nothing is lost.",
            "",
        ]
        self._say("\n".join(lines))

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()


class Steps(io.StringIO):
    """Django's output of `migrate`, as numbered steps."""

    def __init__(self, total: int, show: Callable[[int, int, str], None]) -> None:
        super().__init__()
        self._total, self._show, self._begun = total, show, 0

    def write(self, text: str) -> int:
        if text.startswith(APPLIED):
            self._begun += 1
            self._show(self._begun, self._total, text.removeprefix(APPLIED).rstrip(". \n"))
        return len(text)


def providers() -> list[str]:
    """A line for each account, and what it means that a real provider cannot call this machine."""
    accounts, sandboxes = settings.PAYMENT_ACCOUNTS, embedded.sandboxes()
    lines = []
    for account, options in accounts.items():
        role = "; new payments go there" if len(accounts) > 1 and account == settings.PAYMENT_ACCOUNT else ""
        kind = "the sandbox provider: play the buyer there" if account in sandboxes else options["provider"]
        lines.append(f"  Payments  {options['url']}/   (account {account}, {kind}{role})")
    if len(sandboxes) < len(accounts) and not can_be_public(settings.SHOP_URL):
        lines.append(f"            Callbacks of a real provider cannot reach {settings.SHOP_URL}. The checks find each")
        lines.append(f"            outcome, every {settings.FAST_TRACK_INTERVAL_S:g} s.")
    return lines
