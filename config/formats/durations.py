"""Durations, as people write and read them."""

import re
from datetime import timedelta

from django.utils.translation import pgettext

UNITS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}

UNIT_WORDS = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))


def parse(text: str) -> timedelta:
    """Read "90s", "15m", "2h" or "3d". Raises ValueError, with what to write, for anything else.

    >>> parse("15m")
    datetime.timedelta(seconds=900)
    """
    found = re.fullmatch(r"([0-9]{1,5})([smhd])", text)
    if found is None:
        raise ValueError(f"{text!r} is not a duration: write one like 90s, 15m, 2h or 3d")
    return timedelta(seconds=int(found[1]) * UNITS[found[2]])


def in_words(length: timedelta | float) -> str:
    """In the largest fitting unit and the one below it. Numbers are seconds; a negative one becomes 0.

    >>> [in_words(seconds) for seconds in (-1, 0.0123, 1.54, 59.7, 75, 4_000, 200_000)]
    ['0 s', '12 ms', '1.5 s', '59 s', '1 min 15 s', '1 h 6 min', '2 d 7 h']
    """
    seconds = max(0.0, length.total_seconds() if isinstance(length, timedelta) else length)
    if 0.0005 <= seconds < 0.9995:
        return f"{1000 * seconds:.0f} ms"
    if 0.9995 <= seconds < 9.95:
        return f"{round(seconds, 1):g} s"
    return _in_two_units(int(seconds))


def localized(length: timedelta | float | None) -> str:
    """As `in_words`, with the units of the reader's language; a dash for None."""
    if length is None:
        return "–"
    return re.sub(r"[a-z]+", lambda unit: pgettext("length of time", unit[0]), in_words(length))


def _in_two_units(left: int) -> str:
    numbers = []
    for unit, size in UNIT_WORDS:
        number, left = divmod(left, size)
        numbers.append((number, unit))
    first = next((at for at, (number, _) in enumerate(numbers) if number), len(numbers))
    return " ".join(f"{number} {unit}" for number, unit in numbers[first : first + 2] if number) or "0 s"
