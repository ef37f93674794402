"""One run from the first customer to the verdict: the shop opens, people act, it comes to rest, the stranger judges."""

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import psycopg

from tests.chaos import picture
from tests.chaos.notes import Notes
from tests.chaos.rest import Rest
from tests.chaos.stack import CLOCK_READ_EVERY_S, Stack
from tests.stack.server import StartError

LIMIT_S = 1_800.0
"""From the last healing. What has not ended by then is not finished."""

DAY_S = 26 * 3600
"""A day in UTC is compared an hour after it is over."""


Shop = TypeVar("Shop", bound=Stack)


def drill(
    directory: Path,
    about: dict[str, Any],
    build: Callable[[Path, Notes], Shop],
    act: Callable[[Shop, Notes], None],
) -> int:
    """`act` is what happens in the shop that `build` makes; `about` has what it was asked for: seed, orders, faults.

    Returns the verdict's exit status. Raises StartError.
    """
    make_room(directory)
    with Notes(directory) as notes, build(directory, notes) as stack:
        about = about | {"started_at": time.time(), "stock": stock(stack)}
        act(stack, notes)
        about["healed_at"] = time.time()
        about["rested_at"] = wait_for_rest(stack, notes)
        night_comes(stack)
        if about["rested_at"] and not wait_for_rest(stack, notes):
            about["rested_at"] = None
        (directory / "run.json").write_text(json.dumps(about), encoding="utf-8")
        status = judge(stack, directory)
    picture.draw(directory)
    print(f"chaos: notes, logs and timeline.svg are in {directory}", flush=True)
    return status


def make_room(directory: Path) -> None:
    """Delete what an earlier run left there. Raises StartError where something else is."""
    if directory.exists() and any(directory.iterdir()) and not (directory / "customers.jsonl").exists():
        raise StartError(f"{directory} is not empty, and not from an earlier run. Name another --directory.")
    shutil.rmtree(directory, ignore_errors=True)


def stock(stack: Stack) -> dict[str, int]:
    """What there is of each product before the first customer."""
    with psycopg.connect(stack.postgres.url_of("shop")) as connection:
        return {str(key): pieces for key, pieces in connection.execute("SELECT id, stock FROM commerce_product")}


def wait_for_rest(stack: Stack, notes: Notes) -> float | None:
    """When the shop came to rest; None after LIMIT_S."""
    rest, give_up_at = Rest(stack.postgres.url_of("shop"), notes), time.monotonic() + LIMIT_S
    while time.monotonic() < give_up_at:
        if rest.has_come():
            return time.time()
        time.sleep(1)
    return None


def night_comes(stack: Stack) -> None:
    """The night compares the day with the provider's lists: it finds what lost callbacks did not tell.

    The database's clock, which decides which day is over, moves by a day.
    """
    stack.set_clock("postgres", f"+{DAY_S}")
    time.sleep(2 * CLOCK_READ_EVERY_S)
    first, last = (datetime.fromtimestamp(at, UTC).date() for at in (stack.opened_at, time.time()))
    days = ("--from", str(first), "--to", str(last))
    print(stack.manage("reconcile", *days, via="direct", check=False), end="", flush=True)


def judge(stack: Stack, directory: Path) -> int:
    """The verdict of a process that knows nothing of the shop."""
    books = ("--database", stack.postgres.url_of("shop"), "--provider", stack.sandbox_url)
    return subprocess.run([sys.executable, "-m", "tests.chaos.checker", str(directory), *books], check=False).returncode
