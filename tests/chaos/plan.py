"""What breaks in a run, and when: the seed decides, so the same seed breaks the same things."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from itertools import chain

from tests.chaos.wires import CUT, HOLE, SLOW

PROCESSES = ("web", "worker-1", "worker-2", "scheduler-1", "scheduler-2", "sandbox", "mail", "postgres", "rabbitmq")
WIRES = {
    "web>postgres": "postgres", "worker>postgres": "postgres", "scheduler>postgres": "postgres",
    "web>rabbitmq": "rabbitmq", "worker>rabbitmq": "rabbitmq",
    "web>sandbox": "sandbox", "worker>sandbox": "sandbox", "worker>mail": "mail",
}  # fmt: skip
"""The part behind each wire."""

CLOCKED = ("worker-2", "scheduler-2")
"""Their clock can be moved while they run."""

HOUR_S = 3600

LOST_ANSWER = "lost_answer"
"""The provider does what it is asked, and the connection breaks instead of an answer."""

TARGETS: dict[str, Sequence[tuple[str, str]]] = {
    "kill": [(part, "") for part in PROCESSES],
    "stop": [(part, "") for part in PROCESSES],
    "freeze": [(part, "") for part in PROCESSES],
    "wipe": [("rabbitmq", "queues"), ("rabbitmq", "disk")],
    "away": [("sandbox", kind) for kind in ("refuse", "hang", "status_500", LOST_ANSWER)],
    "cut": [(wire, mode) for wire in WIRES for mode in (CUT, HOLE)],
    "slow": [(wire, SLOW) for wire in WIRES],
    "clock": [(part, f"{step:+d}") for part in CLOCKED for step in (HOUR_S, -HOUR_S)],
    "disk": [("postgres", "")],
    "garbage": [("rabbitmq", "")],
    "forge": [("sandbox", "")],
    "release": [("worker-0", "")],
}
"""Of each kind of fault: what it strikes, and in which way."""

LASTS_S = (1.0, 6.0)
FROZEN_S = (1.0, 25.0)
"""Shorter than the patience of customers, longer than the deadline of every call (2 s); a freeze may be longer than a
lease, so that others do the frozen work."""

CALM = 0.1
"""This share of the customers comes before the first fault, and after the last one."""


class NothingBreaks(Exception):
    """No fault fits the patterns."""


@dataclass(frozen=True)
class Fault:
    """One fault: it begins when so many customers have come."""

    number: int
    kind: str
    target: str
    detail: str
    after: int
    lasts_s: float

    def __str__(self) -> str:
        return f"{self.kind} {self.target}{f' ({self.detail})' if self.detail else ''} for {self.lasts_s:.1f} s"


def faults(seed: int, count: int, orders: int, only: Sequence[str] = ("*",)) -> list[Fault]:
    """The first faults are one of each kind; then every target of every kind comes in turn.

    `only` are patterns like `kill mail*`, of a kind, its target and its detail. Raises NothingBreaks if none fits.
    """
    chance = random.Random(f"faults {seed}")
    ways = {kind: [way for way in TARGETS[kind] if _is_wanted(kind, way, only)] for kind in TARGETS}
    wanted = {kind: found for kind, found in ways.items() if found}
    if not wanted:
        raise NothingBreaks(f"No fault is like {' or '.join(only)}.")
    deck: list[tuple[str, str, str]] = []
    while len(deck) < count:
        deck += _deck(chance, wanted)
    first, last = orders * CALM, orders * (1 - CALM)
    return [
        Fault(
            number,
            *deck[number],
            after=round(first + (last - first) * number / count),
            lasts_s=chance.uniform(*(FROZEN_S if deck[number][0] == "freeze" else LASTS_S)),
        )
        for number in range(count)
    ]


def _is_wanted(kind: str, way: tuple[str, str], only: Sequence[str]) -> bool:
    return any(fnmatch(" ".join((kind, *way)).strip(), pattern) for pattern in only)


def _deck(chance: random.Random, wanted: Mapping[str, Sequence[tuple[str, str]]]) -> list[tuple[str, str, str]]:
    ways = {kind: chance.sample(found, len(found)) for kind, found in wanted.items()}
    ones = [(kind, *ways[kind].pop()) for kind in chance.sample([*wanted], len(wanted))]
    others = list(chain.from_iterable(((kind, *way) for way in ways[kind]) for kind in wanted))
    chance.shuffle(others)
    return ones + others
