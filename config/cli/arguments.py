"""Readers for the arguments of commands. Each raises ArgumentTypeError, with what to write instead."""

from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.utils import timezone

from config.cli.command import NoAnswer
from config.formats import parse_duration, span

LARGEST = 100_000


def count(text: str) -> int:
    """A whole number from 1."""
    if not (text.isascii() and text.isdecimal()) or not 1 <= int(text[:7]) <= LARGEST or len(text) > len(str(LARGEST)):
        raise ArgumentTypeError(f"{text!r} is not valid: write a whole number from 1 to {LARGEST}")
    return int(text)


def length(text: str) -> timedelta:
    """`90s`, `15m`, `2h` or `3d`."""
    try:
        return parse_duration(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from None


def day(text: str) -> date:
    """`2026-03-29`."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is not a day: write one like 2026-03-29") from None


def moment(text: str) -> datetime:
    """`2026-03-29T12:00:00Z`, or a day alone; UTC by default."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is not a time: write one like 2026-03-29 or 2026-03-29T12:00:00Z") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def since(text: str) -> datetime:
    """A moment, or how long ago it was."""
    with suppress(ValueError):
        return timezone.now() - parse_duration(text)
    try:
        return moment(text)
    except ArgumentTypeError:
        raise ArgumentTypeError(f"{text!r} is not a time: write one like 90m, 6h, 2d or 2026-03-29T12:00:00Z") from None


def add_days(parser: ArgumentParser, last: str) -> None:
    """Add `--day`, or `--from` and `--to`; `last` describes the default of `--to`."""
    parser.add_argument("--day", type=day, help="one day, like 2026-03-29")
    parser.add_argument("--from", type=day, dest="first", help="the first of several days")
    parser.add_argument("--to", type=day, dest="last", help=f"the last of them; otherwise {last}")


def days(options: Mapping[str, Any], last: date) -> list[date]:
    """The requested days; none if none was named. Raises NoAnswer if the options contradict each other."""
    one, first = options["day"], options["first"]
    if one and (first or options["last"]):
        raise NoAnswer("Write either --day or --from and --to.")
    if options["last"] and not first:
        raise NoAnswer("Write --from too: the first of the days.")
    if not (one or first):
        return []
    first, last = one or first, one or options["last"] or last
    if first > last:
        raise NoAnswer(f"--from {first} is after --to {last}.")
    return span(first, last)
