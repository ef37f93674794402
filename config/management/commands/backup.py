"""Backs up the database."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from config.cli.arguments import count
from config.cli.command import Command as Base
from config.database import backups


class Command(Base):
    """`manage.py backup /var/backups/tillkeeper`: prints the path of the new file."""

    help = "Back up the database into a directory, check that the file can be read, and delete old ones."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("directory", type=Path)
        parser.add_argument("--keep-days", type=count, default=14, help="older ones are deleted once this one is good")

    def handle(self, *_args: Any, directory: Path, keep_days: int, **_options: Any) -> None:
        """Print one line, for the script that copies the file elsewhere."""
        self.stdout.write(str(backups.take(directory.resolve(), keep_days)))
