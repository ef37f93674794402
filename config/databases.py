"""How Django reaches the two databases, taken from their addresses."""

from pathlib import Path
from urllib.parse import unquote, urlsplit


def postgresql(
    url: str, *, connect_timeout_s: int, statement_timeout_s: float, lock_timeout_s: float
) -> dict[str, object]:
    """A hanging database must end in an error: no socket and no query waits without a limit."""
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
            "connect_timeout": connect_timeout_s,
            "options": " ".join(f"-c {name}={int(limit * 1000)}" for name, limit in limits.items()),
        },
    }


def sqlite(url: str, test_file: Path) -> dict[str, object]:
    """With Django's default transactions most read-then-write transactions of two threads fail; IMMEDIATE ones wait."""
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": unquote(url.removeprefix("sqlite:///")),
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
        },
        # A file, because threads cannot share the transactions of an in-memory database.
        "TEST": {"NAME": test_file},
    }
