"""The reference of all metrics."""

from argparse import ArgumentParser
from typing import Any

from actors.metrics.catalogue import catalogue, markdown
from config.cli import command


class Command(command.Command):
    """`manage.py metrics --markdown > deploy/METRICS.md`."""

    help = "List every series for Prometheus: kind, labels and meaning, and how to read them."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--markdown", action="store_true", help="as deploy/METRICS.md")

    def handle(self, *_args: Any, **options: Any) -> None:
        names = "".join(f"{series.name}\n" for series in catalogue())
        self.stdout.write(markdown() if options["markdown"] else names, ending="")
