"""The embedded mode: all of Tillkeeper in one process, with nothing but Python and SQLite."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management import call_command, get_commands

from actors.runtime import embedded
from actors.runtime.startup import stop_signal
from config.cli.command import Command as Base
from config.cli.command import NoAnswer
from config.env.files import lock_until_the_end
from config.health.liveness import database_problem
from config.hosts import host_and_port


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
        if prepare:
            call_command("migrate", verbosity=0)
            if "demoshop" in get_commands():  # another project has none
                call_command("demoshop", quiet=True)
        if problem := database_problem():
            raise NoAnswer(problem)
        told = stop_signal()
        with embedded.everything():
            self._welcome()
            told.get()
            self.stdout.write("Stopping: running jobs end, everything else waits in the database.")

    def _welcome(self) -> None:
        """The addresses to open, and the operator's login."""
        server = host_and_port(settings.EMAIL_HOST, settings.EMAIL_PORT)
        mails = server if settings.EMAIL_HOST else f"{getattr(settings, 'EMAIL_FILE_PATH', 'nowhere')}/"
        self.stdout.write(f"\n  Shop      {settings.SHOP_URL}/")
        self.stdout.write(f"  Operator  {settings.SHOP_URL}/admin/   {embedded.operator_login()}")
        self.stdout.write(
            f"  Sandbox   {settings.PAYMENT_ACCOUNTS['sandbox']['url']}/   (the payment provider; play the buyer there)"
        )
        self.stdout.write(f"  Mails     {mails}\n\n  Ctrl-C ends it; nothing is lost.\n\n")
        self.stdout.flush()
