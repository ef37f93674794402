"""`python -m tests.chaos`: the arguments, the run, and the exit status."""

import argparse
import json
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from threading import Event, Thread

from tests.chaos import picture
from tests.chaos.crowd import Crowd
from tests.chaos.faults import Faults
from tests.chaos.intents import INTENTS
from tests.chaos.notes import Notes
from tests.chaos.operators import Operators
from tests.chaos.plan import NothingBreaks, faults
from tests.chaos.release import NoRelease
from tests.chaos.rest import Rest
from tests.chaos.stack import CLOCK_READ_EVERY_S, LIES, OPERATOR, PASSWORD, ROOT, Stack, opened
from tests.stack.processes import end_cleanly
from tests.stack.programs import MissingProgram, ensure
from tests.stack.server import StartError

LIMIT_S = 1_800.0
"""From the last healing. What has not ended by then is not finished."""

NOT_RUN, INTERRUPTED = 3, 130
"""Exit statuses besides the checker's: 0 fine, 1 wrong, 2 not finished."""

SHOW_EVERY_S = 5.0

ARRIVALS_PER_S = 12.0

DAY_S = 26 * 3600
"""A day in UTC is compared an hour after it is over."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, and return the exit status."""
    options = read_options(arguments)
    end_cleanly()
    try:
        ensure("postgres", "rabbitmq", "faketime")
        return run(options)
    except (MissingProgram, StartError, NoRelease, NothingBreaks) as problem:
        print(problem, file=sys.stderr)
        return NOT_RUN
    except KeyboardInterrupt:
        return INTERRUPTED


def read_options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "python -m tests.chaos", description="Customers buy while parts of the shop break."
    )
    parser.add_argument("--orders", type=int, default=300, metavar="N", help="the number of customers (default: 300)")
    parser.add_argument("--faults", type=int, default=12, metavar="N", help="the number of faults (default: 12)")
    parser.add_argument(
        "--seed", type=int, default=random.randrange(10_000), help="the same seed breaks the same things"
    )
    parser.add_argument("--only", nargs="+", default=["*"], metavar="PATTERN", help='only faults like "kill mail*"')
    parser.add_argument(
        "--no-callbacks", action="store_true", help="the provider sends none; usually it loses every fifth"
    )
    parser.add_argument("--directory", type=Path, help="for the notes and logs (default: var/chaos/SEED)")
    parser.add_argument("--code", type=Path, default=ROOT, help="run the shop of this directory")
    options = parser.parse_args(arguments)
    options.directory = (options.directory or ROOT / "var/chaos" / str(options.seed)).resolve()
    return options


def make_room(directory: Path) -> None:
    """Delete what an earlier run left there. Raises StartError where something else is."""
    if directory.exists() and any(directory.iterdir()) and not (directory / "customers.jsonl").exists():
        raise StartError(f"{directory} is not empty, and not from an earlier run. Name another --directory.")
    shutil.rmtree(directory, ignore_errors=True)


def run(options: argparse.Namespace) -> int:
    """Open the shop, let it suffer, wait for its rest, and let the stranger judge."""
    print(
        f"chaos: {options.orders} customers, {options.faults} faults, --seed {options.seed}; opening the shop …",
        flush=True,
    )
    make_room(options.directory)
    lies = {"lose_all": True} if options.no_callbacks else LIES
    with Notes(options.directory) as notes, opened(options.directory, notes, options.code.resolve(), lies) as stack:
        about = {name: getattr(options, name) for name in ("seed", "orders", "faults")}
        about |= {"started_at": time.time(), "stock": stock(stack)}
        suffer(options, stack, notes)
        about["healed_at"] = time.time()
        about["rested_at"] = wait_for_rest(stack, notes)
        night_comes(stack)
        if about["rested_at"] and not wait_for_rest(stack, notes):
            about["rested_at"] = None
        (options.directory / "run.json").write_text(json.dumps(about), encoding="utf-8")
        status = judge(stack, options.directory)
    picture.draw(options.directory)
    print(f"chaos: notes, logs and timeline.svg are in {options.directory}", flush=True)
    return status


def stock(stack: Stack) -> dict[str, int]:
    """What there is of each product before the first customer."""
    import psycopg

    with psycopg.connect(stack.postgres.url_of("shop")) as connection:
        return {str(key): pieces for key, pieces in connection.execute("SELECT id, stock FROM commerce_product")}


def suffer(options: argparse.Namespace, stack: Stack, notes: Notes) -> None:
    """Customers and operators act while the faults of the plan happen; in the end everything is healed."""
    over, rest = Event(), Rest(stack.postgres.url_of("shop"), notes)
    broken = Faults(stack, notes, faults(options.seed, options.faults, options.orders, options.only))
    with Crowd(
        options.orders, stack.shop_url, stack.sandbox_url, options.seed, notes, INTENTS, arrivals_per_s=ARRIVALS_PER_S
    ) as crowd:
        breaking = Thread(target=broken.run, args=(lambda: crowd.arrived, over), name="faults")
        watching = Thread(target=rest.watch, args=(over,), name="samples")
        with Operators(stack.shop_url, options.seed, notes, (OPERATOR, PASSWORD)):
            breaking.start()
            watching.start()
            try:
                while breaking.is_alive() or not crowd.all_left():
                    print(f"chaos: {crowd.arrived} customers, {crowd.placed} orders, {broken.done} faults", flush=True)
                    over.wait(SHOW_EVERY_S)
                    if not breaking.is_alive():
                        stack.heal()
            finally:
                over.set()
                breaking.join()
                watching.join()
    stack.heal()


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


if __name__ == "__main__":
    sys.exit(main())
