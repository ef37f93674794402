"""Django's settings for PostgreSQL and SQLite, made from their addresses."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

CONNECT_TIMEOUT_S = 5
"""Timeout for a new connection. With the database away, a longer one would use up the web's threads."""


def postgresql(url: str, *, statement_timeout_s: float, lock_timeout_s: float) -> dict[str, object]:
    """Limit every wait: a hung database must end in an error."""
    parts = urlsplit(url)
    limits = {
        "statement_timeout": statement_timeout_s,
        "lock_timeout": lock_timeout_s,
        "idle_in_transaction_session_timeout": statement_timeout_s,
    }
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": parts.hostname or "",
        "PORT": parts.port or 5432,
        "CONN_MAX_AGE": 600,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {
            "connect_timeout": CONNECT_TIMEOUT_S,
            "options": " ".join(f"-c {name}={int(limit * 1000)}" for name, limit in limits.items()),
        },
    }


def sqlite(url: str, test_file: Path) -> dict[str, object]:
    """Use IMMEDIATE transactions: with Django's default, two threads that read and then write do not wait but fail."""
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": unquote(url.removeprefix("sqlite:///")),
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
        },
        # A file: threads cannot share an in-memory database.
        "TEST": {"NAME": test_file},
    }
