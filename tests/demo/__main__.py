"""`python -m tests.demo`: the arguments, the run, and the exit status."""

import argparse
import os
import random
import signal
import sys
import time
from collections.abc import Sequence
from types import FrameType

from tests.demo import stack as stacks
from tests.demo.customers import Crowd
from tests.demo.display import display
from tests.demo.verdict import Verdict
from tests.demo.watch import Watch
from tests.stack.programs import MissingProgram, ensure
from tests.stack.server import StartError

DEADLINE_S = 70.0
"""From the first moment on; what has not ended by then is lost."""

LOOK_EVERY_S = 1.0

STOCK_PER_ORDER = 20
"""So much of everything for each customer that nobody finds the shelf empty."""

FINE, NOT_FINE, INTERRUPTED = 0, 1, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo; returns the exit status."""
    options, wish = read_options(arguments), interruptible()
    try:
        if options.services:
            ensure("postgres", "rabbitmq")
        verdict = run(options, wish)
    except (stacks.Interrupted, KeyboardInterrupt):
        return INTERRUPTED
    except (MissingProgram, StartError) as problem:
        if wish.to_stop:  # what was just starting heard the Ctrl-C too
            return INTERRUPTED
        print(problem, file=sys.stderr)
        return NOT_FINE
    print(verdict.last_line(), flush=True)
    return FINE if verdict.is_fine else NOT_FINE


def read_options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m tests.demo", description="Simulated customers buy in a real shop.")
    parser.add_argument("--services", action="store_true", help="PostgreSQL, RabbitMQ and a process for each part")
    parser.add_argument("--orders", type=count, default=60, metavar="N", help="how many customers come (default: 60)")
    parser.add_argument(
        "--seed", type=int, default=random.randrange(10_000), help="the same number, the same customers"
    )
    return parser.parse_args(arguments)


def count(text: str) -> int:
    """A number of customers. Raises ValueError, which argparse reports."""
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


def interruptible() -> stacks.Wish:
    """The first Ctrl-C or SIGTERM is noted: all that was started is stopped in order. A second one ends it at once.

    No exception is thrown into the middle of anything: a process that is just being started could be forgotten.
    """
    wish = stacks.Wish()

    def ask(number: int, frame: FrameType | None) -> None:
        if wish.to_stop:
            signal.default_int_handler(number, frame)
        wish.to_stop = True
        os.write(sys.stderr.fileno(), b"\ndemo: stopping\n")  # print() is not safe in here

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, ask)
    return wish


def run(options: argparse.Namespace, wish: stacks.Wish) -> Verdict:
    """Open the shop, let the customers in, and judge. Raises Interrupted."""
    ends_at = time.monotonic() + DEADLINE_S
    mode, name = (stacks.services, "services") if options.services else (stacks.embedded, "embedded")
    print(f"demo: {options.orders} customers, {name} mode, --seed {options.seed}; opening the shop …", flush=True)
    with mode(options.orders * STOCK_PER_ORDER, wish) as stack:
        print(f"demo: the shop is at {stack.shop_url}/ and its payment provider at {stack.sandbox_url}/", flush=True)
        stack.make_forgetful()
        return serve(stack, options, ends_at)


def serve(stack: stacks.Stack, options: argparse.Namespace, ends_at: float) -> Verdict:
    """Watch until every order has ended; say what is wrong while the logs are still there."""
    with Crowd(options.orders, stack.shop_url, options.seed) as crowd:
        watch = Watch(crowd.customers, stack.shop_url, stack.sandbox_url, stack.mail)
        follow(watch, ends_at, stack)
        verdict = watch.verdict()
    if not verdict.is_fine:
        print(*verdict.complaints(), stack.last_words(), sep="\n", flush=True)
    return verdict


def follow(watch: Watch, ends_at: float, stack: stacks.Stack) -> None:
    """Look and show until there is nothing left to wait for, or no time, or a part of the shop has died."""
    with display() as shown:
        while time.monotonic() < ends_at and not stack.dead():
            shown.show(watch.look())
            if watch.all_has_ended():
                return
            time.sleep(LOOK_EVERY_S)
            stack.wish.heed()


if __name__ == "__main__":
    sys.exit(main())
