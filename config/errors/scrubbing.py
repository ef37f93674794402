"""What an error may tell: class, place and ids; never mail addresses, names, addresses, keys or what a request held.

Nobody can recognise a name in a sentence. So of an exception's own words only the first line stays (PostgreSQL quotes
the whole row in the second), without anything quoted in it and without whatever looks like an address or a key.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from django.conf import settings

HIDDEN = "***"
LONGEST = 200
"""Characters of an exception's words."""

READ = 1_000
"""Characters that are looked through: nobody waits for patterns over a megabyte."""

SHORTEST_SECRET = 6
"""Shorter values of settings would hide innocent words."""

_QUOTED = re.compile(r"""(?:b|u)?(?:"(?:[^"\\]|\\.)*"?|(?<![A-Za-z])'(?:[^'\\]|\\.)*'?|[«“„][^»”“]*[»”“]?)""")
_BRACKETED = re.compile(r"=\s*\(.*\)")
_ADDRESS = re.compile(r"[^\s<>@,;:()]+@[^\s<>@,;:()]+")
_URL = re.compile(r"\b[a-z][a-z0-9+.-]*://\S+", re.IGNORECASE)
_KEY = re.compile(r"\b(?=[\w-]*\d)(?=[\w-]*[A-Za-z])[\w-]{16,}")
_LONG_NUMBER = re.compile(r"\+?\d[\d ()-]{7,}\d")
_ID = re.compile(r"[A-Za-z0-9_.:-]{1,64}")

_SECRET_NAMES = re.compile(r"SECRET|PASSWORD|KEY|TOKEN|DSN", re.IGNORECASE)


def words_of(error: BaseException, secrets: Iterable[str] = ()) -> str:
    """What the exception says, without what nobody may read.

    >>> words_of(ValueError("no order of 'Ann' <ann@example.com>, 1 try"))
    'no order of *** <***>, 1 try'
    """
    return scrubbed(str(error), secrets)


def scrubbed(text: str, secrets: Iterable[str] = ()) -> str:
    """The first line of a text, without what is quoted in it, and without addresses, keys and known secrets."""
    line = (text.strip().splitlines() or [""])[0]
    for secret in secrets:
        line = line.replace(secret, HIDDEN)
    line = line[:READ]
    for pattern in (_QUOTED, _URL, _ADDRESS, _KEY, _LONG_NUMBER):
        line = pattern.sub(HIDDEN, line)
    line = _BRACKETED.sub(f"=({HIDDEN})", line)
    return line if len(line) <= LONGEST else f"{line[:LONGEST]}…"


def ids_of(fields: Mapping[str, Any]) -> dict[str, str]:
    """Of the fields of an event those that are ids or plain words: numbers, and short words without a space or an @."""
    return {
        name: str(value)
        for name, value in fields.items()
        if isinstance(value, int) or (isinstance(value, str) and _ID.fullmatch(value))
    }


def known_secrets() -> set[str]:
    """Return the secrets of the settings. They are complete once the apps are loaded: accounts add their keys then."""
    return secrets_in({name: getattr(settings, name) for name in dir(settings) if name.isupper()})


def secrets_in(values: Mapping[str, Any]) -> set[str]:
    """The values of all settings that are called secret, password, key, token or DSN, however deep they lie."""
    return {value for name, value in _leaves(values) if _SECRET_NAMES.search(name) and len(value) >= SHORTEST_SECRET}


def _leaves(values: Mapping[str, Any], above: str = "") -> Iterable[tuple[str, str]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, str(name))
        elif isinstance(value, (list, tuple)):
            yield from ((str(name), item) for item in value if isinstance(item, str))
        elif isinstance(value, str):
            yield f"{above}.{name}", value
