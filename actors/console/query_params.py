"""Parameters of a URL, made safe."""

from django.http import QueryDict

MAX_CHARS = 200


def word(query: QueryDict, name: str) -> str:
    """The text, without characters that no database takes; empty if missing."""
    return query.get(name, "").replace("\0", "").strip()[:MAX_CHARS]


def number(query: QueryDict, name: str) -> int | None:
    """The id of a row; None if it is not one."""
    text = query.get(name, "")
    return int(text) if text.isdecimal() and len(text) <= 18 else None
