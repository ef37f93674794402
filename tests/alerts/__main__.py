"""`make alerts-drill`: stop one part after the other, and say after how long who was called about it."""

import argparse
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from config.cli.tables import Row, cell, table
from config.formats import in_words
from tests.alerts.stalls import STALLS, Stall
from tests.alerts.watch import Watch, watching
from tests.monitoring import rules
from tests.system.customers import customers
from tests.system.house import House

TOLD_WITHIN_S = 120.0
CALM_WITHIN_S = 300.0
PAGES = {rule["alert"] for rule in rules("alerts.yml") if rule["labels"]["severity"] == "page"}
"""Between two stalls all of them must have ended; tickets may wait."""

WARM_UP_S = 30.0
"""Rates need a past."""


@dataclass(frozen=True)
class Tried:
    """What came of one stall: after how long somebody was called (None: not in time), and what else they were told."""

    stall: Stall
    seconds: float | None
    others: set[str]

    @property
    def line(self) -> Row:
        """For the table."""
        return {
            "part": self.stall.part,
            "how": self.stall.how,
            "alert": self.stall.alert,
            "told after": "not in time" if self.seconds is None else in_words(self.seconds),
            "beside it": sorted(self.others) or "nothing",
        }


def main() -> int:
    """The exit status: 0 if every stall was told of in time."""
    stalls = chosen()
    with tempfile.TemporaryDirectory() as directory, House(Path(directory)) as house:
        house.run("web", "worker", "scheduler")
        with watching(house) as watch, customers(house):
            time.sleep(WARM_UP_S)
            found = [tried(stall, house, watch) for stall in stalls]
    print(table([each.line for each in found], "Nothing was tried."))
    return 0 if all(each.seconds is not None for each in found) else 1


def chosen() -> list[Stall]:
    """All of them, or those of the parts that were named."""
    parts = sorted({stall.part for stall in STALLS})
    parser = argparse.ArgumentParser(prog="alerts-drill", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="part", help=f"of {', '.join(parts)}; otherwise all")
    wanted = parser.parse_args().parts
    if unknown := set(wanted) - set(parts):
        parser.error(f"there is no part {', '.join(sorted(unknown))}; there are {', '.join(parts)}")
    return [stall for stall in STALLS if not wanted or stall.part in wanted]


def tried(stall: Stall, house: House, watch: Watch) -> Tried:
    """One stall from calm to calm."""
    watch.wait_until_silent(PAGES | {stall.alert}, CALM_WITHIN_S)
    since = time.monotonic()
    stall.breaks(house)
    seconds = None
    with suppress(TimeoutError):
        seconds = watch.seconds_until_called(stall.alert, since, TOLD_WITHIN_S)
    stall.mends(house)
    found = Tried(stall, seconds, watch.told_of(since) - {stall.alert, "DeadMansSwitch"})
    print(*map(cell, found.line.values()), file=sys.stderr, flush=True)
    return found


if __name__ == "__main__":
    sys.exit(main())
