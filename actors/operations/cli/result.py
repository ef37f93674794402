"""The output of `manage.py jobs`: a table for people, JSON for programs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from actors import broker
from actors.operations.serialize import plain
from config.cli.tables import Row, as_json, table

Options = Mapping[str, Any]


@dataclass(frozen=True)
class CommandResult:
    """Rows for people, data with more detail for programs, and notes below the rows."""

    rows: Sequence[Row]
    empty: str
    """Printed if there are no rows."""

    data: Any = None
    """JSON data that replaces the rows."""

    notes: list[str] = field(default_factory=list)
    left: str = ""
    """A sentence about what is left to do or was found; empty if all is well."""

    def as_text(self) -> str:
        return "\n".join([table(self.rows, self.empty), *self.notes])

    def as_json(self) -> str:
        return as_json(plain(list(self.rows) if self.data is None else self.data))


def refuse_to_count_none() -> None:
    """This command is a process of its own. Raises ValueError if the shop's queues are inside another one."""
    if broker.in_this_process():
        raise ValueError("The queues are inside the running process (no BROKER_URL): only its console sees them.")
