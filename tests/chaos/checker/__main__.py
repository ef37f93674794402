"""`python -m tests.chaos.checker`: collect, judge, and say it."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.chaos.checker.collect import collect
from tests.chaos.checker.evidence import load
from tests.chaos.checker.verdict import judge


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the complaints and the numbers; returns the exit status of the verdict."""
    parser = argparse.ArgumentParser("python -m tests.chaos.checker", description="Judge a chaos run.")
    parser.add_argument("directory", type=Path, help="the notes of the run")
    parser.add_argument("--database", help="the shop's database; without it the stored tables are judged")
    parser.add_argument("--provider", help="the provider's address")
    options = parser.parse_args(arguments)
    if options.database and options.provider:
        collect(options.directory, options.database, options.provider)
    verdict = judge(load(options.directory))
    print(*verdict.findings, verdict.last_line(), sep="\n", flush=True)
    return verdict.status


if __name__ == "__main__":
    sys.exit(main())
