"""What a person has to know about each setting, declared where the setting is read."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TypedDict

_UNITS = {
    "_PER_S": "per second",
    "_S": "seconds",
    "_DAYS": "days",
    "_DAYS_BACK": "days",
    "_NIGHTS": "nights",
    "_BYTES": "bytes",
    "_CHARS": "characters",
    "_CALLS": "calls",
    "_CONCURRENCY": "calls",
    "_CONNECTIONS": "connections",
    "_ERRORS": "errors",
    "_ATTEMPTS_LIMIT": "errors",
}
"""The unit stands in the name; the longest end that fits counts."""


class About(TypedDict, total=False):
    """What only a person can say of a setting."""

    help: str
    """What it is for, in a sentence or two."""
    wrong: str
    """What goes wrong when its value is a valid one and yet the wrong one."""
    example: str
    """A value that somebody may really have."""
    kind: str
    """What may be written, where its bounds depend on other settings."""
    otherwise: str
    """The default in words, where it depends on other settings or on the machine."""


@dataclass(frozen=True)
class Setting:
    """One setting, as deploy/SETTINGS.md lists it."""

    name: str
    section: str
    kind: str
    default: str | None
    """As one would write it; empty: none; None: it has to be set."""
    help: str
    wrong: str
    example: str

    @property
    def unit(self) -> str:
        """The unit that its name ends with; empty for what has none."""
        ends = sorted(filter(self.name.endswith, _UNITS), key=len)
        return _UNITS[ends[-1]] if ends else ""


SETTINGS: dict[str, Setting] = {}
"""Every setting that this process has read, in the order of reading."""

_section = "General"
_described: ContextVar[dict[str, Setting] | None] = ContextVar("described", default=None)


def section(title: str) -> None:
    """What is declared from here on belongs under this heading."""
    global _section
    _section = title


def declare(name: str, kind: str, default: str | None, about: About) -> None:
    """Note a setting; the readers in config/env.py call it."""
    setting = Setting(
        name,
        _section,
        about.get("kind", kind),
        about.get("otherwise", default),
        help=about.get("help", ""),
        wrong=about.get("wrong", ""),
        example=about.get("example", ""),
    )
    described = _described.get()
    (SETTINGS if described is None else described)[name] = setting


def described(read: Callable[[], object]) -> list[Setting]:
    """The settings that a function reads; the environment is not looked at, and nothing has to be set."""
    with _describing() as found:
        read()
    return list(found.values())


def only_described() -> bool:
    """Whether readers shall give defaults, because somebody only wants to know what there is."""
    return _described.get() is not None


@contextmanager
def _describing() -> Iterator[dict[str, Setting]]:
    found: dict[str, Setting] = {}
    token = _described.set(found)
    try:
        yield found
    finally:
        _described.reset(token)
