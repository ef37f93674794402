"""Lengths of time as people write and read them."""

import re
from datetime import timedelta

UNITS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}


def parse(text: str) -> timedelta:
    """Read "90s", "15m", "2h" or "3d". Raises ValueError, with what to write, for anything else.

    >>> parse("15m")
    datetime.timedelta(seconds=900)
    """
    found = re.fullmatch(r"([0-9]{1,5})([smhd])", text)
    if found is None:
        raise ValueError(f"{text!r} is no length of time: write one like 90s, 15m, 2h or 3d")
    return timedelta(seconds=int(found[1]) * UNITS[found[2]])


def spoken(length: timedelta) -> str:
    """The largest unit of which there is at least one, and the one below it.

    >>> [spoken(timedelta(seconds=each)) for each in (0.2, 59, 60, 4_000, 200_000)]
    ['0s', '59s', '1m', '1h 6m', '2d 7h']
    """
    left, parts = max(0, int(length.total_seconds())), []
    for unit, size in UNITS.items():
        number, left = divmod(left, size)
        parts.append((number, f"{number}{unit}"))
    first = next((at for at, (number, _) in enumerate(parts) if number), len(parts) - 1)
    return " ".join(word for number, word in parts[first : first + 2] if number) or "0s"
