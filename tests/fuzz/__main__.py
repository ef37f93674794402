"""`python -m tests.fuzz --requests 100000 --seed 7`: the arguments, the run, and the exit status."""

import argparse
import random
import sys
from collections.abc import Sequence

from tests.fuzz.shop import running
from tests.stack.processes import end_cleanly

FINE, NOT_FINE = 0, 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the requests and report; returns the exit status."""
    options = _options(arguments)
    end_cleanly()
    print(f"seed {options.seed}, {options.requests} requests", flush=True)
    with running() as shop:
        from tests.fuzz.run import run  # the shop's settings exist only now

        tally = run(shop, options.seed, options.requests, options.threads)
    print(tally.table())
    problems = tally.problems(options.slow_s)
    print("\n".join(problems) or f"No answer of 500, none above {options.slow_s:g} s. Seed {options.seed}.")
    return NOT_FINE if problems else FINE


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m tests.fuzz", description="Send hostile requests to every URL.")
    parser.add_argument("--requests", type=int, default=100_000, metavar="N")
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000), help="repeats a run")
    parser.add_argument("--threads", type=int, default=4, metavar="N", help="requests at the same time")
    parser.add_argument("--slow-s", type=float, default=5.0, metavar="S", help="longest time of an answer, in seconds")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
