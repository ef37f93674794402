"""Locks on a number instead of a row, until the end of the transaction."""

from hashlib import sha256

from django.db import connections


def lock_until_commit(*keys: int, using: str = "default") -> None:
    """Wait until no other transaction holds one of these keys; taken in one order, so that no two wait for each other.

    SQLite needs no lock: its transactions here begin IMMEDIATE, one writer at a time.
    """
    if connections[using].vendor != "postgresql":
        return
    with connections[using].cursor() as cursor:
        for key in sorted(set(keys)):
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [key])


def key_of(name: str) -> int:
    """A key for a name: a signed number of 64 bits, as PostgreSQL's advisory locks have it."""
    return int.from_bytes(sha256(name.encode()).digest()[:8], signed=True)
