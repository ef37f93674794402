"""`make bench`: 1,000 payments due at once, 10,000 calls for two accounts, 10,000 mails, and the checkout with RabbitMQ
healthy, dead and silent.

`--only metrics` and `--only history`: what these cost. `--only outage` takes a provider away for ten minutes.
`--only cleanup` measures the nightly cleanup of carts; 1,000,000 of them take some minutes.
"""

import argparse
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.bench.measurements import accounts, checkout, checks, cleanup, history, mail, metrics, outage
from tests.bench.outage import Plan
from tests.stack.processes import end_cleanly

Measure = Callable[[Path, argparse.Namespace], Iterator[str]]

ALWAYS: dict[str, Measure] = {
    "checks": lambda var, chosen: checks.measure(var, chosen.rounds),
    "accounts": lambda var, chosen: accounts.measure(var),
    "mail": lambda var, chosen: mail.measure(var, chosen.rounds, chosen.mails),
    "checkout": lambda var, chosen: checkout.measure(var, chosen.rounds, chosen.orders),
}

ON_REQUEST: dict[str, Measure] = {
    "metrics": lambda var, chosen: metrics.measure(var, chosen.rounds),
    "history": lambda var, chosen: history.measure(var, chosen.rounds),
    "outage": lambda var, chosen: outage.measure(var, Plan(chosen.payments, chosen.outage_s, chosen.outage_kind)),
    "cleanup": lambda var, chosen: cleanup.measure(var, chosen.carts),
}


def main() -> None:
    """Print each measurement as it comes."""
    chosen = _chosen()
    end_cleanly()
    wanted = [(ALWAYS | ON_REQUEST)[chosen.only]] if chosen.only else ALWAYS.values()
    with tempfile.TemporaryDirectory() as var:
        for measure in wanted:
            for line in measure(Path(var), chosen):
                print(line, flush=True)


def _chosen() -> argparse.Namespace:
    words = argparse.ArgumentParser(prog="tests.bench", description=__doc__)
    words.add_argument("--rounds", type=int, default=5, help="how often each thing is measured (default 5)")
    words.add_argument("--orders", type=int, default=40, help="orders per round and broker (default 40)")
    words.add_argument("--carts", type=int, default=1_000_000, help="of which half are old (default 1000000)")
    words.add_argument("--only", choices=[*ALWAYS, *ON_REQUEST], help="one of the measurements")
    words.add_argument("--outage-s", type=float, default=600, help="how long one provider is away (default 600)")
    words.add_argument("--outage-kind", choices=["hang", "refuse", "status_500"], default="hang")
    words.add_argument("--payments", type=int, default=5_000, help="pending at each provider (default 5000)")
    words.add_argument("--mails", type=int, default=10_000, help="due mails per round (default 10000)")
    return words.parse_args()


if __name__ == "__main__":
    main()
