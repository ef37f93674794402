"""The texts about each setting, declared where the setting is read."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TypedDict

_UNITS = {
    "_PER_S": "per second",
    "_S": "seconds",
    "_DAYS": "days",
    "_CONCURRENCY": "calls",
    "_CONNECTIONS": "connections",
    "_PER_HOUR": "per hour",
    "_ATTEMPTS_LIMIT": "errors",
}
"""The name of a setting ends with its unit. The longest ending that fits counts."""


class About(TypedDict, total=False):
    """The texts that a reader of the environment takes beside the name and the default."""

    help: str
    """What the setting does, in a sentence or two."""
    wrong: str
    """The effect of a value that is valid but unsuitable."""
    example: str
    """A realistic value."""
    kind: str
    """What may be written, where the bounds depend on other settings."""
    otherwise: str
    """The default in words, where it depends on other settings or on the machine."""


@dataclass(frozen=True)
class Setting:
    """One setting, as deploy/SETTINGS.md lists it."""

    name: str
    section: str
    kind: str
    default: str | None
    """As a person would write it. Empty: none. None: it must be set."""
    help: str
    wrong: str
    example: str

    @property
    def unit(self) -> str:
        """The unit in the name; empty for a setting without one."""
        ends = sorted(filter(self.name.endswith, _UNITS), key=len)
        return _UNITS[ends[-1]] if ends else ""


SETTINGS: dict[str, Setting] = {}
"""All settings that this process has read, in the order of reading."""

_section = "General"
_described: ContextVar[dict[str, Setting] | None] = ContextVar("described", default=None)


def section(title: str) -> None:
    """Start a section: settings that are declared from here on belong to it."""
    global _section
    _section = title


def declare(name: str, kind: str, default: str | None, about: About) -> None:
    """Note a setting. The readers in `config.env` call it."""
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
    """Return the settings that a function reads. The environment is ignored, and no setting is required."""
    with _describing() as found:
        read()
    return list(found.values())


def only_described() -> bool:
    """Return True inside `described`, where readers return defaults and check nothing."""
    return _described.get() is not None


@contextmanager
def _describing() -> Iterator[dict[str, Setting]]:
    found: dict[str, Setting] = {}
    token = _described.set(found)
    try:
        yield found
    finally:
        _described.reset(token)
