"""Restores a backup, or tries it in a temporary database."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from config.cli.command import Command as Base
from config.database import backups


class Command(Base):
    """`manage.py restore FILE` fills the empty database of DATABASE_URL; with `--drill`, a temporary one."""

    help = "Restore a backup into the (empty) database, or with --drill into a temporary one, to check that it works."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The file, and whether this is a drill."""
        parser.add_argument("file", type=Path)
        parser.add_argument("--drill", action="store_true", help="restore into a temporary database and drop it again")

    def handle(self, *_args: Any, file: Path, drill: bool, **_options: Any) -> None:
        """Print the next step, or the result of the drill."""
        self.stdout.write(_tried(file) if drill else _restored(file))


def _tried(file: Path) -> str:
    found = backups.drill(file)
    return f"{file} was restored in {found.seconds:.1f} s: {'; '.join(found.summaries)}."


def _restored(file: Path) -> str:
    backups.restore(file)
    return "Restored. Next, with web, workers and scheduler still stopped: manage.py migrate, manage.py restored."
