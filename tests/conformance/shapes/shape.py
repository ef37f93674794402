"""Answers made by chance from the shape that a contract gives them, and the same answers damaged.

A shape is a value, a dictionary of shapes, or a function that makes a value. Chance has a seed, so every run makes the
same answers.
"""

import json
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

Shape = Any
Make = Callable[[Random], Any]

Answers = dict[str, dict[str, Shape]]
"""By operation: the shape of each answer on its way, by a part of the path that is asked for."""

MISSING = object()


def make(shape: Shape, rng: Random) -> Any:
    """One value of this shape."""
    if callable(shape):
        return make(shape(rng), rng)
    if isinstance(shape, list):
        return [make(each, rng) for each in shape]
    if not isinstance(shape, dict):
        return shape
    made = {name: make(each, rng) for name, each in shape.items()}
    return {name: value for name, value in made.items() if value is not MISSING}


def one_of(*shapes: Shape) -> Make:
    return lambda rng: rng.choice(shapes)


def optional(shape: Shape) -> Make:
    """A field that the contract does not require."""
    return lambda rng: shape if rng.random() < 0.6 else MISSING


def nullable(shape: Shape) -> Make:
    return lambda rng: shape if rng.random() < 0.6 else None


def many(shape: Shape, most: int, least: int = 0) -> Make:
    return lambda rng: [shape] * rng.randint(least, most)


def chars(alphabet: str, most: int, prefix: str = "") -> Make:
    return lambda rng: prefix + "".join(rng.choices(alphabet, k=rng.randint(1, most)))


def whole(least: int, most: int) -> Make:
    return lambda rng: rng.randint(least, most)


def deep(depth: int) -> Any:
    """Lists in lists."""
    value: Any = []
    for _ in range(depth):
        value = [value]
    return value


WRONG: list[Any] = [
    *(None, True, False, -1, 1.5, float("nan"), float("-inf"), 10**30, 10**4000),
    *("", " ", "\x00", "\ud800", "\u202e", "x" * 199, "x" * 300, "2026-13-45T00:00:00Z", "2026-01-01T00:00:00"),
    *([], [None], {}, {"id": None}, {"id": ["x"]}, {"value": 12.5, "currency": "EUR"}, deep(5), deep(300)),
]
"""None of them is an amount, so an amount that is read after the damage is the one that was sent."""


def damaged(value: Any, rng: Random) -> bytes:
    """The value with one part taken away or replaced, or with its text cut or mixed up."""
    whole_text = json.dumps(value).encode()
    if rng.random() < 0.1:
        place = rng.randrange(len(whole_text))
        return whole_text[:place] + rng.choice([b"", b"\xff", b"{", b'"', b"0"])
    copy = json.loads(whole_text)
    parent, key = rng.choice(list(_places(copy)))
    if rng.random() < 0.25:
        del parent[key]
    else:
        parent[key] = rng.choice(WRONG)
    return json.dumps(copy).encode()


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every container in the value, with every key in it."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in items:
        yield value, key
        yield from _places(each)
