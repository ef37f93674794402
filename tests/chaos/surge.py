"""`make surge`: ten times the expected load for ten minutes. The shop bends, and recovers by itself.

A minute at the expected load, the surge, and the expected load again until the shop has recovered. Nothing is killed,
and nothing is started again. A visitor opens the catalogue all the time and notes how long it takes. In the end the
stranger of the chaos runs compares the books: a customer whom the shop could not serve has lost nothing.
"""

import argparse
import json
import random
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from threading import Event, Thread

import requests

from tests.chaos.browser import ANSWER_WITHIN_S, SHOPS_CLOTHES, browser
from tests.chaos.crowd import Crowd
from tests.chaos.drill import drill
from tests.chaos.front import FrontedStack
from tests.chaos.intents import INTENTS
from tests.chaos.notes import Notes
from tests.chaos.rest import Rest
from tests.chaos.stack import ROOT
from tests.stack.processes import end_cleanly
from tests.stack.programs import MissingProgram, ensure
from tests.stack.server import StartError

EXPECTED_PER_S = 1.0
"""Customers who come to order: 3,600 in the busiest hour, as in a shop that takes 30,000 orders on its best day."""

CALM_S, AFTERWARDS_S = 60.0, 300.0
"""At the expected load, before the surge and after it; both shorter for a short surge."""

PATIENCE_S = 30.0
"""A person who gets no page for so long leaves: "try again" was read three times."""

AT_ONCE = 1_500
"""People in the shop whom this program can play. Who comes when it is full is turned away, and counted."""

WINDOW_S = 300.0
"""For a payment; shorter for a short surge. It is the only difference from a real shop, and spares the run an hour."""

LOOK_EVERY_S = 1.0

RECOVERED_LOOKS = 10
"""So many looks in a row, all answered, as quick as before the surge and with no work late, are no luck."""

QUICK, QUICK_S, LATE_S = 3.0, 0.5, 5.0
"""A page is quick again within three times its median before, or half a second; work is late after five seconds."""

RECOVERS_WITHIN_S = 240.0
"""From the last customer of the surge: some hundred people are still in the shop, and finish or give up meanwhile."""

NOT_RUN, NOT_RECOVERED, INTERRUPTED = 3, 4, 130
"""Exit statuses besides the checker's."""

Look = dict[str, float]


@dataclass
class Course:
    """When each part of the run began, in seconds of the epoch."""

    times: float
    seconds: float
    began: dict[str, float] = field(default_factory=dict)

    def arrivals(self) -> Iterator[float]:
        """The seconds before each customer."""
        calm_s, after_s = min(CALM_S, self.seconds), min(AFTERWARDS_S, 3 * self.seconds)
        parts = (("calm", 1.0, calm_s), ("surge", self.times, self.seconds), ("after", 1.0, after_s))
        for name, times, seconds in parts:
            self.began[name] = time.time()
            per_s = EXPECTED_PER_S * times
            for _ in range(round(per_s * seconds)):
                yield 1 / per_s


class Visitor:
    """Opens the catalogue once a second, and notes how long it took: with status 0 if no answer came."""

    def __init__(self, stack: FrontedStack, notes: Notes) -> None:
        self._stack, self._notes = stack, notes

    def watch(self, over: Event) -> None:
        """Until the run is over."""
        while not over.wait(LOOK_EVERY_S):
            began, status, clothes = time.time(), 0, False
            try:
                with browser(self._stack.trusted) as http:
                    answer = http.get(f"{self._stack.shop_url}/", timeout=ANSWER_WITHIN_S)
                status, clothes = answer.status_code, SHOPS_CLOTHES in answer.text
            except requests.RequestException:
                pass
            seconds = round(time.time() - began, 3)
            self._notes.note("looks", at=began, seconds=seconds, status=status, clothes=clothes)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, say what was measured, and return the exit status."""
    parser = argparse.ArgumentParser("python -m tests.chaos.surge", description="Many more customers than expected.")
    parser.add_argument("--times", type=float, default=10.0, help="of the expected load (default: 10)")
    parser.add_argument("--seconds", type=float, default=600.0, help="of the surge (default: 600)")
    parser.add_argument("--seed", type=int, default=random.randrange(10_000), help="what the customers want")
    parser.add_argument("--directory", type=Path, default=ROOT / "var/surge", help="for the notes and logs")
    options = parser.parse_args(arguments)
    end_cleanly()
    course, directory = Course(options.times, options.seconds), options.directory.resolve()
    print(f"surge: {options.times:g} times for {options.seconds:g} s, --seed {options.seed}; opening …", flush=True)
    try:
        ensure("postgres", "rabbitmq", "faketime", "nginx")
        about = {"seed": options.seed, "orders": 0, "faults": 0}
        times = {"PAYMENT_WINDOW_S": f"{min(WINDOW_S, 3 * options.seconds):g}"}
        status = drill(directory, about, partial(FrontedStack, times=times), partial(surge, course, options.seed))
    except (MissingProgram, StartError) as problem:
        print(problem, file=sys.stderr)
        return NOT_RUN
    except KeyboardInterrupt:
        return INTERRUPTED
    report = Report(directory, course)
    print(report.last_line(), flush=True)
    return status or (0 if report.has_recovered else NOT_RECOVERED)


def surge(course: Course, seed: int, stack: FrontedStack, notes: Notes) -> None:
    """All customers come, and go."""
    over, rest = Event(), Rest(stack.postgres.url_of("shop"), notes)
    crowd = Crowd(stack, course.arrivals(), seed, notes, INTENTS, AT_ONCE, turns_away=True, patience_s=PATIENCE_S)
    watching = [Thread(target=each, args=(over,)) for each in (rest.watch, Visitor(stack, notes).watch)]
    for thread in watching:
        thread.start()
    try:
        with crowd:
            while not crowd.all_left():
                print(f"surge: {[*course.began][-1:]} {crowd.arrived} customers, {crowd.placed} orders", flush=True)
                over.wait(5)
            notes.note("surge", **course.began, arrived=crowd.arrived, turned_away=crowd.turned_away)
    finally:
        over.set()
        for thread in watching:
            thread.join()


class Report:
    """What the notes of a surge say."""

    def __init__(self, directory: Path, course: Course) -> None:
        self._course, self._directory = course, directory
        self._looks, self._samples = self._lines("looks"), self._lines("samples")
        [self._surge] = self._lines("surge")
        self._restarts = len(self._lines("parts"))
        self._usual_s = _share(self._seconds("calm", "surge"), 0.5)
        self._naked = len([look for look in self._looks if look["status"] != 200 and not look["clothes"]])

    @property
    def has_recovered(self) -> bool:
        """In time, no part of the shop ended, and whoever was refused was told to try again."""
        in_time = self.recovered_s is not None and self.recovered_s <= RECOVERS_WITHIN_S
        return in_time and not self._restarts and not self._naked

    @property
    def recovered_s(self) -> float | None:
        """From the end of the surge until the shop is as before; None: it was not, as long as the run lasted."""
        looks = [look for look in self._looks if look["at"] >= self._surge["after"]]
        for first, look in enumerate(looks):
            some = looks[first : first + RECOVERED_LOOKS]
            if len(some) == RECOVERED_LOOKS and all(map(self._is_quick, some)) and not self._is_late(some):
                return look["at"] - self._surge["after"]
        return None

    def last_line(self) -> str:
        """The measurement."""
        during = self._seconds("surge", "after")
        recovered = "never" if self.recovered_s is None else f"{self.recovered_s:.0f}"
        numbers = {
            "expected": f"{EXPECTED_PER_S:g}/s",
            "offered": f"{EXPECTED_PER_S * self._course.times:g}/s",
            "seconds": f"{self._course.seconds:g}",
            "arrived": self._surge["arrived"],
            "turned_away": self._surge["turned_away"],
            "placed_per_min": self._placed_per_minute(),
            "page_before_ms": round(self._usual_s * 1000),
            "page_during_ms": round(_share(during, 0.5) * 1000),
            "page_p95_ms": round(_share(during, 0.95) * 1000),
            "page_worst_ms": round(_share(during, 1.0) * 1000),
            "refused": len([look for look in self._looks if look["status"] != 200]),
            "naked": self._naked,
            "lag_s": round(max(sample["lag_s"] for sample in self._samples)),
            "restarts": self._restarts,
            "recovered_s": recovered,
        }
        return "surge: " + " ".join(f"{name}={value}" for name, value in numbers.items())

    def _seconds(self, begin: str, end: str) -> list[float]:
        """Of the catalogues that came."""
        looks = [look for look in self._looks if self._surge[begin] <= look["at"] < self._surge[end]]
        return [look["seconds"] for look in looks if look["status"] == 200]

    def _is_quick(self, look: Look) -> bool:
        return look["status"] == 200 and look["seconds"] <= max(QUICK * self._usual_s, QUICK_S)

    def _is_late(self, looks: Sequence[Look]) -> bool:
        first, last = looks[0]["at"], looks[-1]["at"]
        return any(sample["lag_s"] > LATE_S for sample in self._samples if first <= sample["at"] <= last)

    def _placed_per_minute(self) -> str:
        """Orders of each minute of the surge: a shop that collapses places fewer and fewer."""
        counts: dict[int, list[float]] = {}
        for sample in self._samples:
            minute = int((sample["at"] - self._surge["surge"]) // 60)
            if self._surge["surge"] <= sample["at"] < self._surge["after"]:
                counts.setdefault(minute, []).append(sample["placed"])
        return ",".join(f"{placed[-1] - placed[0]:.0f}" for placed in counts.values())

    def _lines(self, name: str) -> list[Look]:
        file = self._directory / f"{name}.jsonl"
        text = file.read_text(encoding="utf-8") if file.exists() else ""
        return [json.loads(line) for line in text.splitlines()]


def _share(seconds: list[float], share: float) -> float:
    """This share of them is at most so long; 0 if there are none, as in a short surge that refused every look."""
    return sorted(seconds)[round(share * (len(seconds) - 1))] if seconds else 0.0


if __name__ == "__main__":
    sys.exit(main())
