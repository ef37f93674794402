"""Tables for terminals. What strangers have written into a cell stays text: it moves no cursor and draws no colours."""

from collections.abc import Iterable, Sequence


def aligned(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Columns as wide as their widest cell, two spaces between them; only the head if there are no rows.

    >>> print(aligned(("id", "status"), [(7, "pending"), (1024, "paid")]))
    id    status
    7     pending
    1024  paid
    """
    table = [head, *([plain(cell) for cell in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in table)


def plain(cell: object) -> str:
    """On one line, and nothing in it that a terminal would obey; "–" where there is nothing.

    >>> plain("a\\x1b[2Jb\\n"), plain(None)
    ('a\\\\x1b[2Jb\\\\n', '–')
    """
    text = "–" if cell is None or cell == "" else str(cell)
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)
