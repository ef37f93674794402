"""`make alerts-drill`: stop one part after the other, and say after how long who was called about it."""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from config.tables import aligned
from tests.alerts.stalls import STALLS, Stall, customers
from tests.alerts.watch import Watch, watching
from tests.system.house import House

TOLD_WITHIN_S = 120.0
CALM_WITHIN_S = 300.0
WARM_UP_S = 30.0
"""Rates need a past."""


def main() -> int:
    """The exit status: 0 if every stall was told of in time."""
    stalls = chosen()
    with tempfile.TemporaryDirectory() as directory, House(Path(directory), plugins=["rabbitmq_prometheus"]) as house:
        house.run("web", "worker", "scheduler")
        with watching(house) as watch, customers(house):
            time.sleep(WARM_UP_S)
            rows = [tried(stall, house, watch) for stall in stalls]
    print(aligned(("part", "how", "alert", "told after", "beside it"), rows))
    return 0 if all(row[3] != "not in time" for row in rows) else 1


def chosen() -> list[Stall]:
    """All of them, or those of the parts that were named."""
    parts = sorted({stall.part for stall in STALLS})
    parser = argparse.ArgumentParser(prog="alerts-drill", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="part", help=f"of {', '.join(parts)}; otherwise all")
    wanted = parser.parse_args().parts
    if unknown := set(wanted) - set(parts):
        parser.error(f"there is no part {', '.join(sorted(unknown))}; there are {', '.join(parts)}")
    return [stall for stall in STALLS if not wanted or stall.part in wanted]


def tried(stall: Stall, house: House, watch: Watch) -> tuple[str, ...]:
    """One stall from calm to calm, as a line of the table."""
    watch.wait_until_calm(stall.alert, CALM_WITHIN_S)
    since = time.monotonic()
    stall.breaks(house)
    try:
        told = f"{watch.seconds_until_called(stall.alert, since, TOLD_WITHIN_S):.0f} s"
    except TimeoutError:
        told = "not in time"
    stall.mends(house)
    others = watch.told_of(since) - {stall.alert, "DeadMansSwitch"}
    row = (stall.part, stall.how, stall.alert, told, ", ".join(sorted(others)) or "nothing")
    print(f"{stall.part} {stall.how}: {told}", file=sys.stderr, flush=True)
    return row


if __name__ == "__main__":
    sys.exit(main())
