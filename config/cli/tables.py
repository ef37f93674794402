"""Tables for people at a terminal, and JSON for programs.

Text from strangers stays text: it moves no cursor and draws no colours.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from config.formats import in_words, printable

MAX_CELL_CHARS = 60
"""Longer cells are cut off; `--json` has all of the text."""

Row = Mapping[str, Any]


def table(rows: Sequence[Row], empty: str, widest: int = MAX_CELL_CHARS) -> str:
    """The rows under their headings, aligned: numbers to the right. `empty` is the text for no rows.

    >>> print(table([{"id": 7, "status": "pending"}, {"id": 1024, "status": "paid"}], "No payments."))
      id  status
       7  pending
    1024  paid
    """
    if not rows:
        return empty
    heads = list(rows[0])
    cells = [[cell(row[head], widest) for head in heads] for row in rows]
    widths = [max(map(len, column)) for column in zip(map(_heading, heads), *cells, strict=True)]
    right = [all(isinstance(row[head], int | float | timedelta | None) for row in rows) for head in heads]
    lines = [_line(list(line), widths, right) for line in (map(_heading, heads), *cells)]
    return "\n".join(lines)


def cell(value: Any, widest: int = MAX_CELL_CHARS) -> str:
    """One value on one printable line; floats are seconds."""
    if value is None or value == "":
        return "–"
    if isinstance(value, datetime):
        return moment(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float | timedelta):
        return in_words(value)
    if isinstance(value, Mapping):
        value = [f"{name} {number}" for name, number in value.items()]
    text = printable(", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value))
    return text if len(text) <= widest else text[: widest - 1] + "…"


def moment(at: datetime) -> str:
    """To the second, in UTC."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def as_json(data: Any) -> str:
    """One JSON document, in ASCII: times in ISO form, UTC, and lengths of time in seconds."""
    return json.dumps(data, default=_plain, indent=2)


def _heading(name: str) -> str:
    """Leave the unit out: the cells have it."""
    return name.removesuffix("_s").removesuffix("_at").replace("_", " ")


def _line(cells: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    aligned = zip(cells, widths, right, strict=True)
    return "  ".join(text.rjust(width) if is_right else text.ljust(width) for text, width, is_right in aligned).rstrip()


def _plain(value: Any) -> str | float:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    return value.isoformat() if isinstance(value, date) else str(value)
