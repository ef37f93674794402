"""What an error report may show: class, place and ids; never mail addresses, names, keys or request data.

A program cannot recognise a name in a sentence. So only the first line of an exception's message stays (PostgreSQL
quotes the whole row in the second), without quoted parts, without anything that looks like an address, a path or a key,
and without words that are written like a name. A name in small letters without quotes would stay.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from django.conf import settings

from config.formats import first_line

HIDDEN = "***"
MAX_CHARS = 200
"""Longest message of an exception."""

SEARCHED_CHARS = 1_000
"""Longest text that is searched: patterns over a megabyte would take too long."""

MIN_SECRET_CHARS = 6
"""Shorter secrets would also hide innocent words."""

_QUOTED = re.compile(
    r"""(?:\b[bu])?"(?:[^"\\]|\\.|"(?=\w))*"?|(?<![A-Za-z])[bu]?'(?:[^'\\]|\\.|'(?=\w))*'?|[«“„‘][^»”“’]*[»”“’]?"""
)
"""A quote before a letter ends nothing: Ann "Bunny" Smith, O'Brien."""

_BRACKETED = re.compile(r"=\s*\(.*\)")
_ADDRESS = re.compile(r"[^\s<>@,;:()]+@[^\s<>@,;:()]+")
_URL = re.compile(r"\b[a-z][a-z0-9+.-]*://\S+", re.IGNORECASE)
_PATH = re.compile(r"(?<![\w/])/[^\s/]\S*")
_OBJECT = re.compile(r"<[^<>]*[:=][^<>]*>")
"""The way that Python writes an object: `<Order: …>`."""

_KEY = re.compile(r"\b(?=[\w-]*\d)(?=[\w-]*[A-Za-z])[\w-]{16,}")
_LONG_NUMBER = re.compile(r"\+?\d[\d ()-]{7,}\d")
_BESIDE_ENGLISH = re.compile(r"(?:(?![\x00-\x7f…–—])\S)+")
_CAPITALISED = r"[A-Z](?:'[A-Z])?[a-z]+(?:['-][A-Z]?[a-z]+){0,3}(?![\w(]|\.\w)"
_NAME = re.compile(rf"\b{_CAPITALISED}(?: {_CAPITALISED})+|(?<=[\w,*] ){_CAPITALISED}|(?<=[\w*]: ){_CAPITALISED}")
"""Two capitalised words, or one inside a sentence. HTTP and TypeError stay, and what follows `<address>:`."""

_ID = re.compile(r"[A-Za-z0-9_.:-]{1,64}")

_HIDDEN = (_QUOTED, _URL, _PATH, _OBJECT, _ADDRESS, _KEY, _LONG_NUMBER, _BESIDE_ENGLISH, _NAME)

_SECRET_NAMES = re.compile(r"SECRET|PASSWORD|KEY|TOKEN|DSN", re.IGNORECASE)


def scrubbed(text: str, secrets: Iterable[str] = ()) -> str:
    """The first line of a text, without quoted parts, addresses, keys, names and known secrets.

    >>> scrubbed("no order of 'Ann' <ann@example.com>, 1 try")
    'no order of *** <***>, 1 try'
    """
    line = without(first_line(text), secrets)[:SEARCHED_CHARS]
    for pattern in _HIDDEN:
        line = pattern.sub(HIDDEN, line)
    line = _BRACKETED.sub(f"=({HIDDEN})", line)
    return line if len(line) <= MAX_CHARS else f"{line[:MAX_CHARS]}…"


def without(text: str, secrets: Iterable[str]) -> str:
    """The text, without these."""
    for secret in secrets:
        text = text.replace(secret, HIDDEN)
    return text


def ids_of(fields: Mapping[str, Any]) -> dict[str, str]:
    """The fields of an event that are ids or plain words: numbers, and short words without a space or an @."""
    return {
        name: str(value)
        for name, value in fields.items()
        if isinstance(value, int) or (isinstance(value, str) and _ID.fullmatch(value))
    }


def known_secrets() -> set[str]:
    """Return the secrets of the settings. They are complete once the apps are loaded: accounts add their keys then."""
    return secrets_in({name: getattr(settings, name) for name in dir(settings) if name.isupper()})


def secrets_in(values: Mapping[str, Any]) -> set[str]:
    """The values of all settings named secret, password, key, token or DSN, at any depth."""
    return {value for name, value in _leaves(values) if _SECRET_NAMES.search(name) and len(value) >= MIN_SECRET_CHARS}


def _leaves(values: Mapping[str, Any], above: str = "") -> Iterable[tuple[str, str]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, str(name))
        elif isinstance(value, (list, tuple)):
            yield from ((str(name), item) for item in value if isinstance(item, str))
        elif isinstance(value, str):
            yield f"{above}.{name}", value
