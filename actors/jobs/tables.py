"""Tables and times for people who look at a terminal; the same as JSON for programs."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from actors.jobs.texts import printable

WIDEST = 60
"""A cell that is longer is cut off; `--json` has all of it."""

Row = Mapping[str, Any]


def table(rows: Sequence[Row], empty: str) -> str:
    """The rows under their headings, aligned: numbers to the right. `empty` is what is said where there are none."""
    if not rows:
        return empty
    heads = list(rows[0])
    cells = [[cell(row[head]) for head in heads] for row in rows]
    widths = [max(map(len, column)) for column in zip(map(_heading, heads), *cells, strict=True)]
    right = [all(isinstance(row[head], int | float | None) for row in rows) for head in heads]
    lines = [_line(list(line), widths, right) for line in (map(_heading, heads), *cells)]
    return "\n".join(lines)


def as_json(data: Any) -> str:
    """One JSON document; times in ISO form, UTC."""
    return json.dumps(data, default=_plain, indent=2)


def cell(value: Any) -> str:
    """One value, on one line, printable whatever it holds."""
    if value is None or value == "":
        return "–"
    if isinstance(value, datetime):
        return moment(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return span(value)
    text = printable(", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value))
    return text if len(text) <= WIDEST else text[: WIDEST - 1] + "…"


def moment(at: datetime) -> str:
    """To the second, in UTC."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def span(seconds: float) -> str:
    """A length of time in the unit in which one would say it.

    >>> [span(s) for s in (0.0123, 1.5, 75, 3_600, 200_000)]
    ['12 ms', '1.5 s', '1 min 15 s', '1 h', '2 d 7 h']
    """
    if seconds < 1:
        return f"{1000 * seconds:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    units: Iterable[tuple[int, str, int, str]] = (
        (86_400, "d", 3_600, "h"),
        (3_600, "h", 60, "min"),
        (60, "min", 1, "s"),
    )
    large, name, small, second = next(unit for unit in units if seconds >= unit[0])
    rest = int(seconds % large // small)
    return f"{int(seconds // large)} {name}" + (f" {rest} {second}" if rest else "")


def _heading(name: str) -> str:
    """A unit is said by the cells."""
    return name.removesuffix("_s").removesuffix("_at").replace("_", " ")


def _line(cells: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    aligned = zip(cells, widths, right, strict=True)
    return "  ".join(text.rjust(width) if is_right else text.ljust(width) for text, width, is_right in aligned).rstrip()


def _plain(value: Any) -> str:
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else str(value)
