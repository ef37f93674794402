"""What somebody typed into an address, made harmless."""

from django.http import QueryDict

LONGEST = 200


def word(query: QueryDict, name: str) -> str:
    """What was written, without what no database takes; empty if nothing was."""
    return query.get(name, "").replace("\0", "").strip()[:LONGEST]


def number(query: QueryDict, name: str) -> int | None:
    """The number of a row; None if it is none."""
    text = query.get(name, "")
    return int(text) if text.isdecimal() and len(text) <= 18 else None
