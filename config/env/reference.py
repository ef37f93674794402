"""deploy/SETTINGS.md, made from the declarations: `manage.py settings --markdown`."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import groupby

from config.env.declared import SETTINGS, Setting, described

TITLE = """\
# Settings

Made from the code by `manage.py settings --markdown`; a test compares it. Settings are environment variables. An
empty one counts as not set. `NAME_FILE=/path` stands for `NAME` and takes the content of the file. An invalid value
stops the start with a sentence that says what to write. The last column says what a valid but unsuitable value does.
A complete example: [production.env](production.env).
"""


@dataclass(frozen=True)
class Repeated:
    """A section of settings that exist once per account. The page shows it once, for an example."""

    title: str
    note: str
    read: Callable[[], object]
    """Reads the settings of the example."""


REPEATED: list[Repeated] = []
"""Sections that apps have added, in the order of the page."""


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
