"""What the server makes of our settings: the connection is checked, not believed.

A pooler can drop the limits that a connection asks for, a role can override them, and a database may have been created
with an encoding that holds no Cyrillic name. After a failover the old primary may live on, and answer every read.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import Error, connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils.translation import gettext as _

from config.hosts import is_this_host

READ_ONLY_SQLSTATE = "25006"

ENCODING = "UTF8"

MAY_CHANGE_TABLES = """\
SELECT rolsuper, EXISTS (SELECT FROM pg_class WHERE relname = 'django_migrations' AND pg_has_role(relowner, 'USAGE'))
FROM pg_roles WHERE rolname = current_user"""


@dataclass(frozen=True)
class Difference:
    """One property of the connection that is not as our settings ask for. `problem` continues the subject."""

    subject: str
    problem: str
    advice: str
    stops_the_start: bool = False


def read_only_problem() -> str | None:
    """A sentence if the database answers and cannot be written. Raises Error.

    Django closes the connection at the end of its request or job: the next one may lead to the new primary.
    """
    if connection.vendor != "postgresql":
        path = str(connection.settings_dict["NAME"])
        return f"The database {path} is read-only for this user." if _is_locked_file(path) else None
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('transaction_read_only') = 'on', pg_is_in_recovery()")
        read_only, in_recovery = cursor.fetchone()
    if not (read_only or in_recovery):
        return None
    connection.close_at = 0.0
    why = "it is a standby" if in_recovery else "default_transaction_read_only is on"
    return f"The database is read-only ({why}); after a failover, DATABASE_URL must lead to the new primary."


def differences() -> list[Difference]:
    """Encoding, time zone, limits, TLS and rights that are in force and not as our settings ask for. Raises Error."""
    if connection.vendor != "postgresql":
        return []
    wanted_s: dict[str, float] = getattr(settings, "DATABASE_LIMITS_S", {})
    with connection.cursor() as cursor:
        names = ["server_encoding", "TimeZone", *wanted_s]
        cursor.execute("SELECT name, setting, reset_val FROM pg_settings WHERE name = ANY(%s)", [names])
        found = {name: (setting, by_default) for name, setting, by_default in cursor.fetchall()}
    limits_ms = {name: int(found[name][1]) for name in wanted_s}  # the session's own, whatever a transaction has set
    return [
        *_representation(found["server_encoding"][0], found["TimeZone"][0]),
        *_limits(wanted_s, limits_ms),
        *_tls(),
        *(_rights() if getattr(settings, "PRODUCTION", False) else ()),
    ]


def leave_read_only(*, connection: BaseDatabaseWrapper, **_more: Any) -> None:
    """Close a connection at once that answers "read-only": it would fail for CONN_MAX_AGE, and health checks with it.

    `config.apps` connects it to `connection_created`.
    """
    if connection.vendor == "postgresql" and _close_if_read_only not in connection.execute_wrappers:
        connection.execute_wrappers.append(_close_if_read_only)


def _close_if_read_only(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
    try:
        return execute(sql, params, many, context)
    except Error as error:
        if getattr(error.__cause__, "sqlstate", "") == READ_ONLY_SQLSTATE:
            context["connection"].close()
        raise


def _is_locked_file(path: str) -> bool:
    return os.path.exists(path) and not os.access(path, os.W_OK)


def _representation(encoding: str, zone: str) -> Iterator[Difference]:
    if zone != connection.timezone_name:
        problem = _("the connection's time zone is %(found)s, and not %(wanted)s")
        values = {"found": zone, "wanted": connection.timezone_name}
        yield Difference("TimeZone", problem % values, _("A pooler changes it: let it keep TimeZone per client."))
    if encoding != ENCODING:
        yield Difference(
            "DATABASE_URL",
            _("the database's encoding is %(found)s: it cannot hold every name") % {"found": encoding},
            _("Create a database with ENCODING 'UTF8', and move the data with pg_dump and pg_restore."),
            stops_the_start=True,
        )


def _limits(wanted_s: Mapping[str, float], found_ms: Mapping[str, int]) -> Iterator[Difference]:
    for name, limit_s in wanted_s.items():
        limit_ms = int(limit_s * 1000)
        if found_ms[name] != limit_ms:
            found = f"{found_ms[name] / 1000:g} s" if found_ms[name] else _("off")
            values = {"name": name, "ms": limit_ms, "found": found, "wanted": f"{limit_s:g} s"}
            yield Difference(
                name,
                _("it is %(found)s in force, and not %(wanted)s") % values,
                _("A pooler drops our limits: give them to the role, ALTER ROLE … SET %(name)s = %(ms)s.") % values,
            )


def _rights() -> Iterator[Difference]:
    """In production the role of the web and the workers cannot drop a table: ASVS 5.0.0, 13.2.2."""
    with connection.cursor() as cursor:
        cursor.execute(MAY_CHANGE_TABLES)
        is_superuser, owns_tables = cursor.fetchone()
    if is_superuser or owns_tables:
        yield Difference(
            "DATABASE_OWNER_URL",
            _("the role of DATABASE_URL is a superuser")
            if is_superuser
            else _("the role of DATABASE_URL owns the tables"),
            _("Make roles with manage.py dbroles: a role of its own owns the tables, and runs migrations."),
        )


def _tls() -> Iterator[Difference]:
    """Who writes an `sslmode` has decided, and libpq obeys. Without one it falls back to clear text silently."""
    connection.ensure_connection()
    actual = connection.connection
    if (
        not is_this_host(actual.info.host)
        and "sslmode" not in connection.settings_dict["OPTIONS"]
        and not actual.pgconn.ssl_in_use
    ):
        yield Difference(
            "DATABASE_URL",
            _("the connection to the database is not encrypted"),
            _("Write ?sslmode=verify-full, or ?sslmode=disable if the network is yours."),
        )
