"""Backups of the database, which is all that needs one: RabbitMQ only carries messages that may be lost.

A backup is one file in PostgreSQL's custom format, as the database was at one moment, taken while the shop runs. The
programs are PostgreSQL's own; passwords reach them through their environment, where `ps` does not show them.
"""

import os
import shutil
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
from django.conf import settings
from psycopg import sql

NAME = "shop-%Y%m%dT%H%M%SZ.dump"

NEEDED = ("billing_payment", "commerce_order", "commerce_notification", "django_migrations")
"""Without the rows of these a file is no backup of a shop."""


class BackupError(Exception):
    """It did not work; the message says what did not, and what to do."""


@dataclass(frozen=True)
class Drill:
    """What was found in a restored copy."""

    seconds: float
    orders: int
    payments: int
    open_payments: int
    newest: datetime | None


def take(directory: Path, kept_days: int) -> Path:
    """Write a backup, read it to its end, and only then delete those that are older; raises BackupError.

    Named after the moment before it was begun, so everything that is older than its name is in it.
    """
    if not directory.is_dir():
        raise BackupError(f"{directory} is no directory; make one that only the shop's user can read.")
    now = datetime.now(UTC)
    path = directory / now.strftime(NAME)
    unfinished = path.with_suffix(".unfinished")
    try:
        _run("pg_dump", "--format=custom", "--no-owner", "--no-privileges", f"--file={unfinished}", where=directory)
        verify(unfinished)
        unfinished.chmod(0o600)
        unfinished.rename(path)
    finally:
        unfinished.unlink(missing_ok=True)
    _forget(directory, before=now - timedelta(days=kept_days), but=path)
    return path


def verify(path: Path) -> None:
    """Read the file to its last byte; raises BackupError if it is damaged, or not of a shop."""
    if not path.is_file():
        raise BackupError(f"There is no file {path}.")
    _run("pg_restore", "--file=/dev/null", str(path))
    listed = _run("pg_restore", "--list", str(path))
    missing = [table for table in NEEDED if f"TABLE DATA public {table} " not in listed]
    if missing:
        raise BackupError(f"{path} can be read, but has no rows of {', '.join(missing)}: it is no backup of a shop.")


def restore(path: Path, database: str | None = None) -> None:
    """Fill the (empty) database of the settings, or another one on the same server; all of it or nothing.

    Raises BackupError, before anything is changed, for a database in which there is something.
    """
    verify(path)
    name = database or str(_database()["NAME"])
    if tables := _ask(name, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"):
        raise BackupError(f"The database {name} has {tables} tables already; restore into an empty one.")
    _run("pg_restore", "--exit-on-error", "--single-transaction", "--no-owner", f"--dbname={name}", str(path))


def drill(path: Path) -> Drill:
    """Restore into a database of its own on the same server, look at what is there, and drop it; raises BackupError."""
    verify(path)
    name = f"restore_drill_{os.getpid()}"
    started = datetime.now(UTC)
    _create(name)
    try:
        restore(path, name)
        return Drill(
            (datetime.now(UTC) - started).total_seconds(),
            _ask(name, "SELECT count(*) FROM commerce_order"),
            _ask(name, "SELECT count(*) FROM billing_payment"),
            _ask(name, "SELECT count(*) FROM billing_payment WHERE next_check_at IS NOT NULL"),
            _ask(name, "SELECT max(placed_at) FROM commerce_order"),
        )
    finally:
        _execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def _forget(directory: Path, before: datetime, but: Path) -> None:
    """Delete what is older by its name; files that are not named by us are not ours."""
    for path in directory.glob("shop-*.dump"):
        with suppress(ValueError):
            if datetime.strptime(path.name, NAME).replace(tzinfo=UTC) < before and path != but:
                path.unlink()


def _run(program: str, *arguments: str, where: Path | None = None) -> str:
    if not shutil.which(program):
        raise BackupError(f"{program} is not installed; it comes with PostgreSQL's client (Debian: postgresql-client).")
    done = subprocess.run(
        [program, *arguments], env=_environment(), cwd=where, text=True, capture_output=True, check=False
    )
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or [f"status {done.returncode}"])[0]
        raise BackupError(f"{program} failed: {reason}")
    return done.stdout


def _environment() -> dict[str, str]:
    """libpq's own variables; empty ones would not mean its defaults."""
    given = {
        "PGHOST": _database()["HOST"],
        "PGPORT": str(_database()["PORT"]),
        "PGUSER": _database()["USER"],
        "PGPASSWORD": _database()["PASSWORD"],
        "PGDATABASE": _database()["NAME"],
        "PGCONNECT_TIMEOUT": str(settings.DATABASE_CONNECT_TIMEOUT_S),
    }
    return {**os.environ, **{name: value for name, value in given.items() if value}}


def _database() -> Mapping[str, Any]:
    """Raises BackupError for SQLite, whose file may be copied while nothing runs."""
    database: Mapping[str, Any] = settings.DATABASES["default"]
    if not str(database["ENGINE"]).endswith("postgresql"):
        raise BackupError("DATABASE_URL is no PostgreSQL; stop the shop and copy the file of SQLite instead.")
    return database


def _ask(name: str, question: str) -> Any:
    """The one value that the question is about."""
    with _connected(name) as connection:
        row = connection.execute(question.encode()).fetchone()
    return row[0] if row else None


def _create(name: str) -> None:
    """Raises BackupError if the shop's user has no more rights than the shop needs."""
    try:
        _execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    except psycopg.errors.InsufficientPrivilege:
        user = _ask(_database()["NAME"], "SELECT current_user")  # who logs in may act as another
        raise BackupError(
            f"{user} may not create databases, and a drill needs one of its own: ALTER ROLE {user} CREATEDB, or set "
            "DATABASE_URL to an empty database and restore there without --drill."
        ) from None


def _execute(statement: sql.Composed) -> None:
    """Outside of a transaction, as PostgreSQL wants it for databases."""
    with _connected(_database()["NAME"]) as connection:
        connection.autocommit = True
        connection.execute(statement)


def _connected(name: str) -> "psycopg.Connection[Any]":
    database = _database()
    try:
        return psycopg.connect(
            host=database["HOST"], port=database["PORT"], dbname=name,
            user=database["USER"] or None, password=database["PASSWORD"] or None,
            connect_timeout=settings.DATABASE_CONNECT_TIMEOUT_S,
        )  # fmt: skip
    except psycopg.OperationalError as error:
        raise BackupError(f"The database {name} does not answer: {str(error).splitlines()[0]}") from None
