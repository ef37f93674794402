"""Values as people write and read them: durations, shares, days, and text from outside.

`en` and `ru` are formats for Django (FORMAT_MODULE_PATH).
"""

import re
from datetime import date, timedelta
from functools import cache

from babel import Locale
from babel.localedata import locale_identifiers
from babel.numbers import format_percent
from django.utils.formats import get_format
from django.utils.translation import get_language, pgettext, to_locale

DAY = timedelta(days=1)

UNITS = {"d": 86_400, "h": 3_600, "min": 60, "s": 1}
"""Seconds in each unit. Durations are written with its first letter."""


def parse_duration(text: str) -> timedelta:
    """Read "90s", "15m", "2h" or "3d". Raises ValueError, with what to write, for anything else.

    >>> parse_duration("15m")
    datetime.timedelta(seconds=900)
    """
    found = re.fullmatch(r"([0-9]{1,5})([smhd])", text)
    if found is None:
        raise ValueError(f"{text!r} is not a duration: write one like 90s, 15m, 2h or 3d")
    seconds = next(size for unit, size in UNITS.items() if unit[0] == found[2])
    return timedelta(seconds=int(found[1]) * seconds)


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
    """As `in_words`, with the units and the decimal point of the reader's language; a dash for None."""
    if length is None:
        return "–"
    words = in_words(length).replace(".", get_format("DECIMAL_SEPARATOR"))
    return re.sub(r"[a-z]+", lambda unit: pgettext("length of time", unit[0]), words)


def _in_two_units(left: int) -> str:
    numbers = []
    for unit, size in UNITS.items():
        number, left = divmod(left, size)
        numbers.append((number, unit))
    first = next((at for at, (number, _) in enumerate(numbers) if number), len(numbers))
    return " ".join(f"{number} {unit}" for number, unit in numbers[first : first + 2] if number) or "0 s"


def percent(share: float) -> str:
    """Of 0 to 1, without decimals, in the reader's language: "85%", "85\N{NO-BREAK SPACE}%"."""
    return format_percent(share, locale=locale_of(get_language() or "en"))


@cache
def locale_of(language: str) -> Locale | None:
    """CLDR's rules for a language of Django; those for English if CLDR does not know it."""
    return Locale.negotiate([to_locale(language), "en"], locale_identifiers())


def span(first: date, last: date) -> list[date]:
    """Every day from the first to the last; none if the last comes before the first.

    >>> [str(day) for day in span(date(2026, 2, 27), date(2026, 3, 1))]
    ['2026-02-27', '2026-02-28', '2026-03-01']
    """
    return [first + number * DAY for number in range((last - first).days + 1)]


def storable(text: str, limit: int) -> str:
    """Cut to `limit` characters, without those that no database takes: NUL and lone surrogates."""
    return text[:limit].encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")[:limit]


def printable(text: str) -> str:
    """On one line, with every control character escaped: a message must not move the cursor.

    >>> printable("a\\x1b[2Jb\\n")
    'a\\\\x1b[2Jb\\\\n'
    """
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def first_line(text: object) -> str:
    """The first line of a program's or a server's words; the further ones repeat rows and statements."""
    return (str(text).strip().splitlines() or [""])[0]
