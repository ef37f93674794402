"""Three roles of PostgreSQL with the fewest rights: OWASP ASVS 5.0.0, 13.2.2.

The *owner* has the tables and runs migrations, backups and restores. The *app* reads and writes rows and changes no
table. *Readers* see numbers, times and states: a column that may hold a person's words, address or key is not shown.
Each app may name columns of text that hold none of these in its AppConfig: `readable = ("commerce_order.currency",)`.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from django.apps import apps
from django.conf import settings
from django.db import connection, models
from psycopg import sql
from psycopg.pq import PGconn

READABLE = (
    models.IntegerField,
    models.DecimalField,
    models.FloatField,
    models.BooleanField,
    models.DateField,
    models.DurationField,
)
"""Kinds of columns that hold no words."""


def owner_database() -> dict[str, Any] | None:
    """DATABASE_OWNER_URL as Django's settings; None if it is not set, or in a project that has no such setting."""
    return getattr(settings, "DATABASE_OWNER", None)


@contextmanager
def as_owner() -> Iterator[None]:
    """Connect as DATABASE_OWNER_URL says, if it is set."""
    owner, usual = owner_database(), connection.settings_dict
    if not owner:
        yield
        return
    connection.close()
    connection.settings_dict = {**usual, **owner}
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict = usual


def statements(app: Mapping[str, Any], owner: Mapping[str, Any], readers: str) -> str:
    """SQL that makes the roles or corrects them, for a superuser in the shop's database. It may run again at any time.

    `app` and `owner` are databases of Django's settings. Passwords are in it only as SCRAM verifiers.
    """
    names = {
        "app": sql.Identifier(app["USER"]),
        "owner": sql.Identifier(owner["USER"]),
        "readers": sql.Identifier(readers),
        "database": sql.Identifier(app["NAME"]),
        "owner_name": sql.Literal(owner["USER"]),
    }
    made = [_login(app), _login(owner), _role(readers, NOT_AT_ALL)]
    return "\n".join(part.as_string(None) for part in (*made, sql.SQL(RIGHTS).format(**names), _shown_to(readers)))


RIGHTS = """\
ALTER DATABASE {database} OWNER TO {owner};
REVOKE ALL ON DATABASE {database} FROM PUBLIC;
GRANT CONNECT ON DATABASE {database} TO {app}, {readers};
ALTER SCHEMA public OWNER TO {owner};
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO {app}, {readers};
DO $$ DECLARE relation regclass; BEGIN
  FOR relation IN
    SELECT c.oid FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm')
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
  LOOP EXECUTE format('ALTER TABLE %s OWNER TO %I', relation, {owner_name}); END LOOP;
END $$;
REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {app}, {readers};
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {app};
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {app};
ALTER DEFAULT PRIVILEGES FOR ROLE {owner} IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {app};
ALTER DEFAULT PRIVILEGES FOR ROLE {owner} IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO {app};
"""
"""A table's sequences follow its owner. What migrations make later has the same rights by default."""

NO_MORE = sql.SQL("NOSUPERUSER NOCREATEROLE NOREPLICATION NOBYPASSRLS")
"""An owner may have CREATEDB: the drill of a restore needs a database of its own."""

NOT_AT_ALL = sql.SQL("NOLOGIN")


def _login(database: Mapping[str, Any]) -> sql.Composed:
    """The user of the address, with its password."""
    user, password = str(database["USER"]), str(database["PASSWORD"])
    if not password:
        return _role(user, sql.SQL("LOGIN"))
    verifier = PGconn.connect_start(b"").encrypt_password(password.encode(), user.encode(), b"scram-sha-256")
    return _role(user, sql.SQL("LOGIN PASSWORD {}").format(sql.Literal(verifier.decode())))


def _role(name: str, login: sql.SQL | sql.Composed) -> sql.Composed:
    """CREATE ROLE has no IF NOT EXISTS."""
    create = "DO $$ BEGIN CREATE ROLE {name}; EXCEPTION WHEN duplicate_object THEN NULL; END $$;"
    alter = "ALTER ROLE {name} {no_more} {login};"
    return sql.SQL(f"{create}\n{alter}").format(name=sql.Identifier(name), no_more=NO_MORE, login=login)


def _shown_to(readers: str) -> sql.Composed:
    """Only columns that the database has: before the first migration it has none."""
    pairs = sql.SQL(", ").join(
        sql.SQL("({}, {})").format(sql.Literal(table), sql.Literal(column)) for table, column in readable()
    )
    grant = """\
DO $$ DECLARE found record; BEGIN
  FOR found IN
    SELECT * FROM (VALUES {pairs}) AS shown (relation, name)
    JOIN pg_attribute ON attrelid = to_regclass(relation) AND attname = name
  LOOP EXECUTE format('GRANT SELECT (%I) ON %I TO %I', found.name, found.relation, {readers}); END LOOP;
END $$;
"""
    return sql.SQL(grant).format(pairs=pairs, readers=sql.Literal(readers))


def readable() -> list[tuple[str, str]]:
    """Tables and columns that readers see."""
    named = {name for app in apps.get_app_configs() for name in getattr(app, "readable", ())}
    return sorted(
        (model._meta.db_table, str(field.column))
        for model in apps.get_models(include_auto_created=True)
        if model._meta.managed
        for field in model._meta.concrete_fields
        if _has_no_words(field) or f"{model._meta.db_table}.{field.column}" in named
    )


def _has_no_words(field: "models.Field[Any, Any]") -> bool:
    """A reference is like the key that it points at; a choice is a word of ours."""
    kind = field.target_field if isinstance(field, models.ForeignKey) else field
    return isinstance(kind, READABLE) or (isinstance(kind, models.CharField) and bool(kind.choices))
