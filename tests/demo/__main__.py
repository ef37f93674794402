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

LIMIT_S = 900.0
"""Counted from the start. It ends a demo that does not come to rest; what has no outcome by then is not finished."""

POLL_EVERY_S = 1.0

STOCK_PER_ORDER = 20
"""Stock of each product per customer: enough that nothing sells out."""

FINE, NOT_FINE, INTERRUPTED = 0, 1, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo; returns the exit status."""
    options, stopping = read_options(arguments), interruptible()
    try:
        if options.services:
            ensure("postgres", "rabbitmq")
        verdict = run(options, stopping)
    except (stacks.Interrupted, KeyboardInterrupt):
        return INTERRUPTED
    except (MissingProgram, StartError) as problem:
        if stopping.asked:  # the part that was starting got the Ctrl-C too
            return INTERRUPTED
        print(problem, file=sys.stderr)
        return NOT_FINE
    print(verdict.last_line(), flush=True)
    return FINE if verdict.is_fine else NOT_FINE


def read_options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m tests.demo", description="Simulated customers buy in a real shop.")
    parser.add_argument("--services", action="store_true", help="PostgreSQL, RabbitMQ and a process for each part")
    parser.add_argument("--orders", type=count, default=60, metavar="N", help="the number of customers (default: 60)")
    parser.add_argument(
        "--seed", type=int, default=random.randrange(10_000), help="the same seed gives the same customers"
    )
    return parser.parse_args(arguments)


def count(text: str) -> int:
    """A number of customers. Raises ValueError, which argparse reports."""
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


def interruptible() -> stacks.StopRequest:
    """The first Ctrl-C or SIGTERM sets a flag, and everything stops in order. A second one ends the demo at once.

    The handler raises no exception: the demo could lose track of a process that is just starting.
    """
    stopping = stacks.StopRequest()

    def ask(number: int, frame: FrameType | None) -> None:
        if stopping.asked:
            signal.default_int_handler(number, frame)
        stopping.asked = True
        os.write(sys.stderr.fileno(), b"\ndemo: stopping\n")  # print() is not safe in here

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, ask)
    return stopping


def run(options: argparse.Namespace, stopping: stacks.StopRequest) -> Verdict:
    """Open the shop, run the customers, and return the verdict. Raises Interrupted."""
    ends_at = time.monotonic() + LIMIT_S
    mode, name = (stacks.services, "services") if options.services else (stacks.embedded, "embedded")
    print(f"demo: {options.orders} customers, {name} mode, --seed {options.seed}; opening the shop …", flush=True)
    with mode(options.orders * STOCK_PER_ORDER, stopping) as stack:
        print(f"demo: the shop is at {stack.shop_url}/ and its payment provider at {stack.sandbox_url}/", flush=True)
        stack.break_callbacks()
        return serve(stack, options, ends_at)


def serve(stack: stacks.Stack, options: argparse.Namespace, ends_at: float) -> Verdict:
    """Watch until every order has ended; print what is wrong while the logs still exist."""
    with Crowd(options.orders, stack.shop_url, options.seed) as crowd:
        watch = Watch(crowd.customers, stack.shop_url, stack.sandbox_url, stack.mail)
        follow(watch, ends_at, stack)
        verdict = watch.verdict()
    if not verdict.is_fine:
        print(*verdict.complaints(), stack.last_words(), sep="\n", flush=True)
    return verdict


def follow(watch: Watch, ends_at: float, stack: stacks.Stack) -> None:
    """Poll and show until everything has ended or stands still, the time is over, or a part of the shop has died."""
    with display() as shown:
        while time.monotonic() < ends_at and not stack.dead():
            shown.show(watch.poll())
            if watch.all_has_ended() or watch.is_at_rest():
                return
            time.sleep(POLL_EVERY_S)
            stack.stopping.raise_if_asked()


if __name__ == "__main__":
    sys.exit(main())
