"""Django's settings for PostgreSQL and SQLite, made from their addresses."""

from urllib.parse import unquote, urlsplit

from config.env.files import VAR_DIR
from config.env.process import DATABASE_LOCK_TIMEOUT_S, DATABASE_STATEMENT_TIMEOUT_S

CONNECT_TIMEOUT_S = 5
"""Timeout for a new connection. With the database away, a longer one would use up the web's threads."""

LIMITS_S = {
    "statement_timeout": DATABASE_STATEMENT_TIMEOUT_S,
    "lock_timeout": DATABASE_LOCK_TIMEOUT_S,
    "idle_in_transaction_session_timeout": DATABASE_STATEMENT_TIMEOUT_S,
}


def database(url: str) -> dict[str, object]:
    """The database of this address."""
    return _sqlite(url) if url.startswith("sqlite:") else _postgresql(url)


def _postgresql(url: str) -> dict[str, object]:
    """Limit every wait: a hung database must end in an error."""
    parts = urlsplit(url)
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
            "options": " ".join(f"-c {name}={int(limit_s * 1000)}" for name, limit_s in LIMITS_S.items()),
        },
    }


def _sqlite(url: str) -> dict[str, object]:
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
        "TEST": {"NAME": VAR_DIR / "test.sqlite3"},
    }
