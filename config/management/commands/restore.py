"""Restores a backup, or tries it in a temporary database."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from config.cli.command import Command as Base
from config.database import backups


class Command(Base):
    """`manage.py restore FILE` fills the empty database of DATABASE_URL; with `--drill`, a temporary one."""

    changes = True
    help = "Restore a backup into the (empty) database, or with --drill into a temporary one, to check that it works."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--drill", action="store_true", help="restore into a temporary database and drop it again")

    def handle(self, *_args: Any, file: Path, drill: bool, **_options: Any) -> None:
        """Print the next step, or the result of the drill."""
        if drill:
            self.stdout.write(backups.drill(file))
            return
        backups.restore(file)
        self.stdout.write(
            "Restored. Next, with web, workers and scheduler still stopped: manage.py migrate, manage.py restored."
        )
