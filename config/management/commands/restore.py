"""A backup, put back; or only tried."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from config.cli.command import Command as Base
from config.cli.command import NoAnswer
from config.database import backups


class Command(Base):
    """`manage.py restore FILE` fills the empty database of DATABASE_URL; with `--drill`, one that is dropped again."""

    help = "Restore a backup into the (empty) database, or with --drill only try whether that would work."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Which file, and how serious."""
        parser.add_argument("file", type=Path)
        parser.add_argument("--drill", action="store_true", help="into a database of its own, which is dropped again")

    def handle(self, *_args: Any, file: Path, drill: bool, **_options: Any) -> None:
        """Says what comes next, or what was found."""
        try:
            self.stdout.write(_tried(file) if drill else _restored(file))
        except backups.BackupError as error:
            raise NoAnswer(str(error)) from error


def _tried(file: Path) -> str:
    found = backups.drill(file)
    return f"{file} was restored in {found.seconds:.1f} s: {'; '.join(found.summaries)}."


def _restored(file: Path) -> str:
    backups.restore(file)
    return "Restored. Next, with web, workers and scheduler still stopped: manage.py migrate, manage.py restored."
