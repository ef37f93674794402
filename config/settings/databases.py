"""Django's settings for PostgreSQL and SQLite, made from their addresses."""

from os import fsdecode, fsencode
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

from config import env
from config.env.files import VAR_DIR, make_private
from config.env.process import DATABASE_LIMITS_S
from config.errors.scrubbing import scrubbed

CONNECT_TIMEOUT_S = 5
"""Timeout for a new connection. With the database away, a longer one would use up the web's threads."""

WRITE_INSTEAD = "write postgres://user:password@host:port/name, with %23 for # and %40 for @ in a password"


def database(url: str, name: str = "DATABASE_URL") -> dict[str, object]:
    """The database of this address. `name`: the setting that has it."""
    return _sqlite(url) if url.startswith("sqlite:") else _postgresql(url, name)


def _postgresql(url: str, name: str) -> dict[str, object]:
    """Read by libpq itself, so each of its parameters works: several hosts, a socket's directory, TLS.

    Every wait is limited: a hung database must end in an error. Our limits come last, so the address cannot undo them.
    Django sets `client_encoding`.
    """
    given = _read_by_libpq(url, name)
    limits = " ".join(f"-c {name}={int(limit_s * 1000)}" for name, limit_s in DATABASE_LIMITS_S.items())
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": given.pop("dbname", ""),
        "USER": given.pop("user", ""),
        "PASSWORD": given.pop("password", ""),
        "HOST": given.pop("host", ""),
        "PORT": given.pop("port", ""),
        "CONN_MAX_AGE": 600,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {
            "connect_timeout": CONNECT_TIMEOUT_S,
            **given,
            "options": f"{given.get('options', '')} {limits}".strip(),
        },
    }


def _read_by_libpq(url: str, name: str) -> dict[str, Any]:
    """The address never appears in the error: a password may stand anywhere in one that cannot be read."""
    try:
        given = conninfo_to_dict(url)
    except ProgrammingError as error:
        reason = scrubbed(str(error))
        env.refuse(name, "***", f"libpq cannot read it ({reason}); {WRITE_INSTEAD}")
    if not all(port.isdecimal() for port in str(given.get("port", "")).split(",") if port):
        env.refuse(name, "***", f"its port is not a number; {WRITE_INSTEAD}")
    if not given.keys() & {"dbname", "service"}:
        env.refuse(name, "***", f"it names no database; {WRITE_INSTEAD}")
    if str(given.pop("client_encoding", "UTF8")).upper().replace("-", "") != "UTF8":
        env.refuse(name, "***", "the shop writes UTF8; leave client_encoding out")
    return given


def _sqlite(url: str) -> dict[str, object]:
    """A file that only its owner can read.

    Use IMMEDIATE transactions: with Django's default, two threads that read and then write do not wait but fail.
    """
    path = fsdecode(unquote_to_bytes(fsencode(url.removeprefix("sqlite:///"))))
    make_private(Path(path))
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": path,
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
        },
        # A file: threads cannot share an in-memory database.
        "TEST": {"NAME": VAR_DIR / "test.sqlite3"},
    }
