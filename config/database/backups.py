"""Backups of the database. Only the database needs one: RabbitMQ carries messages that may be lost.

A backup is one file in PostgreSQL's custom format, a snapshot taken while the shop runs. PostgreSQL's own programs do
the work. They get passwords through their environment, where `ps` does not show them.

Each app may declare in its AppConfig: `backup_tables`, the tables that a backup must hold rows of, and
`backup_summary`, a query for one line about a restored copy.
"""

import os
import shutil
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
from django.apps import apps
from django.conf import settings
from psycopg import sql
from psycopg.conninfo import make_conninfo

from config.cli.command import NoAnswer
from config.database.roles import owner_database
from config.formats import first_line

NAME = "shop-%Y%m%dT%H%M%SZ.dump"

NOT_SHOWN = "*"
"""What libpq says of a parameter that a form must not show."""


def take(directory: Path, kept_days: int) -> Path:
    """Write a backup, read it to its end, and only then delete older ones. Raises NoAnswer.

    The file's name is the time before the backup began, so it holds everything older than its name.
    """
    if not directory.is_dir():
        raise NoAnswer(f"{directory} is not a directory; make one that only the shop's user can read.")
    now = datetime.now(UTC)
    path = directory / now.strftime(NAME)
    unfinished = path.with_suffix(".unfinished")
    try:
        options = ("--format=custom", "--no-owner", "--no-privileges", f"--dbname={_to(str(_database()['NAME']))}")
        _run("pg_dump", *options, f"--file={unfinished}", where=directory)
        verify(unfinished)
        unfinished.chmod(0o600)
        unfinished.rename(path)
    finally:
        unfinished.unlink(missing_ok=True)
    _forget(directory, before=now - timedelta(days=kept_days), but=path)
    return path


def verify(path: Path) -> None:
    """Read the file to its last byte. Raises NoAnswer if it is damaged, or not a backup of this project."""
    if not path.is_file():
        raise NoAnswer(f"There is no file {path}.")
    _run("pg_restore", "--file=/dev/null", str(path))
    listed = _run("pg_restore", "--list", str(path))
    missing = [table for table in _needed_tables() if f"TABLE DATA public {table} " not in listed]
    if missing:
        raise NoAnswer(f"{path} can be read, but has no rows of {', '.join(missing)}: it is not a backup of a shop.")


def restore(path: Path, database: str | None = None) -> None:
    """Fill the (empty) database of the settings, or another one on the same server, in one transaction.

    Raises NoAnswer, before it changes anything, for a database that has tables.
    """
    verify(path)
    name = database or str(_database()["NAME"])
    if tables := _ask(name, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"):
        raise NoAnswer(f"The database {name} has {tables} tables already; restore into an empty one.")
    # A comment on an extension may be written only by its owner, who may be a superuser: pg_trgm has one.
    quiet = ("--no-owner", "--no-comments")
    _run("pg_restore", "--exit-on-error", "--single-transaction", *quiet, f"--dbname={_to(name)}", str(path))


def drill(path: Path) -> str:
    """Restore into a temporary database on the same server and drop it. Returns a sentence with each app's summary.

    Raises NoAnswer.
    """
    verify(path)
    name = f"restore_drill_{os.getpid()}"
    started = time.monotonic()
    _create(name)
    try:
        restore(path, name)
        took_s = time.monotonic() - started
        questions = [app.backup_summary for app in apps.get_app_configs() if hasattr(app, "backup_summary")]
        summaries = "; ".join(str(_ask(name, question)) for question in questions)
        return f"{path} was restored in {took_s:.1f} s: {summaries}."
    finally:
        _execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def _needed_tables() -> list[str]:
    named = [table for app in apps.get_app_configs() for table in getattr(app, "backup_tables", ())]
    return ["django_migrations", *named]


def _forget(directory: Path, before: datetime, but: Path) -> None:
    """Delete backups whose name is older than `before`. Files with other names are not ours."""
    for path in directory.glob("shop-*.dump"):
        with suppress(ValueError):
            if datetime.strptime(path.name, NAME).replace(tzinfo=UTC) < before and path != but:
                path.unlink()


def _run(program: str, *arguments: str, where: Path | None = None) -> str:
    if not shutil.which(program):
        raise NoAnswer(f"{program} is not installed; it comes with PostgreSQL's client (Debian: postgresql-client).")
    done = subprocess.run(
        [program, *arguments], env=_environment(), cwd=where, text=True, capture_output=True, check=False
    )
    if done.returncode:
        reason = first_line(done.stderr) or f"status {done.returncode}"
        raise NoAnswer(f"{program} failed: {reason}")
    return done.stdout


def _environment() -> dict[str, str]:
    """The parameters in libpq's variables, which `ps` does not show."""
    given, variables = _parameters(), _options("envvar")
    return {**os.environ, **{variables[name]: value for name, value in given.items() if variables[name]}}


def _to(name: str) -> str:
    """The database with this name, with the parameters that have no variable. Raises NoAnswer for a secret of these."""
    variables, kinds = _options("envvar"), _options("dispchar")
    rest = {parameter: value for parameter, value in _parameters().items() if not variables[parameter]}
    if hidden := [parameter for parameter in rest if kinds[parameter] == NOT_SHOWN]:
        raise NoAnswer(
            f"DATABASE_URL has {hidden[0]}, which pg_dump and pg_restore take only where others can read it."
        )
    return make_conninfo(**{**rest, **({"dbname": name} if name else {})})


def _options(attribute: str) -> dict[str, str]:
    """This attribute of each parameter of libpq: `envvar`, its variable, or `dispchar`, how a form shows it."""
    every = psycopg.pq.Conninfo.get_defaults()
    return {each.keyword.decode(): (getattr(each, attribute) or b"").decode() for each in every}


def _parameters() -> dict[str, str]:
    """Return libpq's parameters, without our limits: a dump takes longer. Empty values would override its defaults."""
    given = {name: _database()[name.upper()] for name in ("host", "port", "user", "password")}
    given |= {name: value for name, value in _database()["OPTIONS"].items() if name != "options"}
    return {name: str(value) for name, value in given.items() if value}


def _database() -> Mapping[str, Any]:
    """As its owner, if one is set. Raises NoAnswer for SQLite: copy its file while no process runs."""
    database: Mapping[str, Any] = owner_database() or settings.DATABASES["default"]
    if not str(database["ENGINE"]).endswith("postgresql"):
        raise NoAnswer("DATABASE_URL is not PostgreSQL; stop the shop and copy the file of SQLite instead.")
    return database


def _ask(name: str, question: str) -> Any:
    """Return the first value of the first row."""
    with _connected(name) as connection:
        row = connection.execute(question.encode()).fetchone()
    return row[0] if row else None


def _create(name: str) -> None:
    """Raises NoAnswer if the database user may not create databases."""
    try:
        _execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    except psycopg.errors.InsufficientPrivilege:
        user = _ask(_database()["NAME"], "SELECT current_user")  # a login may act as another role
        raise NoAnswer(
            f"{user} may not create databases, and a drill needs one of its own: ALTER ROLE {user} CREATEDB, or set "
            "DATABASE_URL to an empty database and restore there without --drill."
        ) from None


def _execute(statement: sql.Composed) -> None:
    """Execute outside of a transaction, as PostgreSQL requires for databases."""
    with _connected(_database()["NAME"]) as connection:
        connection.autocommit = True
        connection.execute(statement)


def _connected(name: str) -> "psycopg.Connection[Any]":
    parameters: dict[str, Any] = _parameters()
    try:
        return psycopg.connect(**parameters, dbname=name)
    except psycopg.OperationalError as error:
        raise NoAnswer(f"The database {name} does not answer: {first_line(error)}") from None
