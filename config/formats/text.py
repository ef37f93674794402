"""Makes text from outside safe for a database and a terminal."""


def storable(text: str, limit: int) -> str:
    """Cut to `limit` characters, without those that no database takes: NUL and lone surrogates."""
    return text[:limit].encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")[:limit]


def printable(text: str) -> str:
    """On one line, with every control character escaped: a message must not move the cursor.

    >>> printable("a\\x1b[2Jb\\n")
    'a\\\\x1b[2Jb\\\\n'
    """
    return "".join(character if character.isprintable() else _escaped(character) for character in text)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
