"""What `manage.py jobs` says: to people as a table, to programs as JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from actors.operations import broker
from config.cli.tables import Row, as_json, table

Options = Mapping[str, Any]


@dataclass(frozen=True)
class Answer:
    """What is said: rows for people, the same with more in it for programs, and lines below the rows."""

    rows: Sequence[Row]
    empty: str
    data: Any = None
    notes: list[str] = field(default_factory=list)
    left: str = ""
    """What is left to do or was found, in a sentence; empty if all is well."""

    def as_text(self) -> str:
        """A table, and what is to be said about it."""
        return "\n".join([table(self.rows, self.empty), *self.notes])

    def as_json(self) -> str:
        """The rows, or what stands for them."""
        return as_json(list(self.rows) if self.data is None else self.data)


def elsewhere() -> list[str]:
    """What is to be said where this process sees other queues than the shop's."""
    inside = "The queues are inside the running process (no BROKER_URL): only its console sees them."
    return [inside] if broker.in_this_process() else []
