"""`python -m tests.chaos`: the arguments, the run, and the exit status."""

import argparse
import random
import sys
from collections.abc import Sequence
from functools import partial
from itertools import repeat
from pathlib import Path
from threading import Event, Thread

from tests.chaos.crowd import Crowd
from tests.chaos.drill import drill
from tests.chaos.faults import Faults
from tests.chaos.intents import INTENTS
from tests.chaos.notes import Notes
from tests.chaos.operators import Operators
from tests.chaos.plan import NothingBreaks, faults
from tests.chaos.release import NoRelease
from tests.chaos.rest import Rest
from tests.chaos.stack import LIES, OPERATOR, PASSWORD, ROOT, Stack
from tests.stack.processes import end_cleanly
from tests.stack.programs import MissingProgram, ensure
from tests.stack.server import StartError

NOT_RUN, INTERRUPTED = 3, 130
"""Exit statuses besides the checker's: 0 fine, 1 wrong, 2 not finished."""

SHOW_EVERY_S = 5.0

ARRIVALS_PER_S = 12.0


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


def run(options: argparse.Namespace) -> int:
    """Open the shop, let it suffer, wait for its rest, and let the stranger judge."""
    print(
        f"chaos: {options.orders} customers, {options.faults} faults, --seed {options.seed}; opening the shop …",
        flush=True,
    )
    about = {name: getattr(options, name) for name in ("seed", "orders", "faults")}
    lies = {"lose_all": True} if options.no_callbacks else LIES
    build = partial(Stack, code=options.code.resolve(), lies=lies)
    return drill(options.directory, about, build, partial(suffer, options))


def suffer(options: argparse.Namespace, stack: Stack, notes: Notes) -> None:
    """Customers and operators act while the faults of the plan happen; in the end everything is healed."""
    over, rest = Event(), Rest(stack.postgres.url_of("shop"), notes)
    broken = Faults(stack, notes, faults(options.seed, options.faults, options.orders, options.only))
    arrivals = repeat(1 / ARRIVALS_PER_S, options.orders)
    with Crowd(stack, arrivals, options.seed, notes, INTENTS) as crowd:
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


if __name__ == "__main__":
    sys.exit(main())
