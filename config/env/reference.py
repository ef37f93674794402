"""Every setting with its texts for a person, declared where it is read.

`manage.py settings --markdown` makes deploy/SETTINGS.md from the declarations.
"""

import logging
import os
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from dataclasses import dataclass
from itertools import groupby
from typing import TypedDict

log = logging.getLogger(__name__)

TITLE = """\
# Settings

Made from the code by `manage.py settings --markdown`; a test compares it. Settings are environment variables. An
empty one counts as not set. `NAME_FILE=/path` stands for `NAME` and takes the content of the file. An invalid value
stops the start with a sentence that says what to write. The last column says what a valid but unsuitable value does.
A complete example: [production.env](production.env).
"""

_UNITS = {
    "_PER_S": "per second",
    "_S": "seconds",
    "_DAYS": "days",
    "_CONCURRENCY": "calls",
    "_CONNECTIONS": "connections",
    "_PER_MINUTE": "per minute",
    "_PER_HOUR": "per hour",
    "_PER_DAY": "per day",
    "_PER_CUSTOMER": "per customer",
    "_PER_NETWORK": "per network",
    "_PERCENT": "percent",
    "_ATTEMPTS_LIMIT": "errors",
}
"""The name of a setting ends with its unit. The longest ending that fits counts."""

REMOVED = frozenset({
    "CALLBACK_MAX_BYTES", "CALLBACK_SIGNATURE_TOLERANCE_S", "CONSOLE_LATE_S", "CONSOLE_REFRESH_S",
    "DATABASE_CONNECT_TIMEOUT_S", "GROWING_INTERVAL_LIMIT_S", "JOB_TRACEBACK_CHARS", "PAYMENT_API_MAX_BYTES",
    "PAYMENT_ERROR_BACKOFF_LIMIT_S", "PROVIDER_BREAKER_ERRORS", "PROVIDER_BREAKER_PROBE_S",
    "PROVIDER_BREAKER_WINDOW_S", "PROVIDER_BURST_CALLS", "PROVIDER_PATIENCE_S", "PROVIDER_PAUSE_LIMIT_S",
    "PROVIDER_RATE_LIMIT_PER_S", "RECONCILIATION_DAYS_BACK", "RECONCILIATION_DELAY_S", "RECONCILIATION_NIGHTS",
    "REFUND_CHECK_INTERVAL_LIMIT_S", "REFUND_CHECK_INTERVAL_S", "REFUND_KEY_KEPT_S", "REVIEW_MAX_CHARS",
    "REVIEW_REQUEST_UNTIL_DAYS", "WORKER_BEAT_S", "YOOKASSA_LAPSE_S",
})  # fmt: skip
"""Settings of earlier releases. One that is still set has no effect."""


class About(TypedDict, total=False):
    """The texts that a reader of the environment takes beside the name and the default."""

    help: str
    """What the setting does, in a sentence or two."""
    wrong: str
    """The effect of a value that is valid but unsuitable."""
    example: str
    """A realistic value, if the default is none."""
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


@dataclass(frozen=True)
class Repeated:
    """A section of settings that exist once per account. The page shows it once, for an example."""

    title: str
    note: str
    read: Callable[[], object]
    """Reads the settings of the example."""


SETTINGS: dict[str, Setting] = {}
"""All settings that this process has read, in the order of reading."""

REPEATED: list[Repeated] = []
"""Sections that apps have added, in the order of the page."""

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
        example=about.get("example", default or ""),
    )
    described = _described.get()
    (SETTINGS if described is None else described)[name] = setting


def described(read: Callable[[], object]) -> list[Setting]:
    """Return the settings that a function reads. The environment is ignored, and no setting is required."""
    found: dict[str, Setting] = {}
    token = _described.set(found)
    try:
        read()
    finally:
        _described.reset(token)
    return list(found.values())


def only_described() -> bool:
    """Return True inside `described`, where readers return defaults and check nothing."""
    return _described.get() is not None


def markdown() -> str:
    """Return the whole page. It does not depend on what is set in this process."""
    general = groupby(_general(), key=lambda setting: setting.section)
    parts = [TITLE, *(_part(title, settings) for title, settings in general)]
    parts += [_part(each.title, described(each.read), each.note) for each in REPEATED]
    return "\n".join(parts)


def names() -> set[str]:
    """Return the names of all settings, those of each repeated section's example included."""
    return {setting.name for setting in (*_general(), *(one for each in REPEATED for one in described(each.read)))}


def _general() -> list[Setting]:
    """Settings that exist once. Those of this process's own accounts are not part of the page."""
    repeated = {each.title for each in REPEATED}
    return [setting for setting in SETTINGS.values() if setting.section not in repeated]


def _part(title: str, settings: Iterable[Setting], note: str = "") -> str:
    head = f"\n## {title}\n\n" + (f"{note}\n\n" if note else "")
    columns = "| setting | type, unit | default | example | what it does | a wrong value |\n"
    return head + columns + "| --- | --- | --- | --- | --- | --- |\n" + "\n".join(map(_line, settings)) + "\n"


def _line(setting: Setting) -> str:
    kind = setting.kind + (f"; {setting.unit}" if setting.unit else "")
    return (
        f"| `{setting.name}` | {kind} | {_default(setting)} | `{setting.example}` | {setting.help} | {setting.wrong} |"
    )


def _default(setting: Setting) -> str:
    if setting.default is None:
        return "**must be set**"
    plain = " " not in setting.default and "`" not in setting.default
    return f"`{setting.default}`" if setting.default and plain else setting.default or "none"


def warn_of_removed() -> None:
    """Log each removed setting that the environment still has, once per process."""
    for name in sorted(REMOVED & os.environ.keys()):
        log.warning("setting.removed", extra={"setting": name})
