"""Settings of every process of the shop: its log and the database."""

from os import fsencode
from urllib.parse import quote

from config import env
from config.env.files import VAR_DIR
from config.env.mode import PRODUCTION
from config.env.reference import section

section("Logs")

LOG_STYLE = env.choice(
    "LOG_STYLE", "json" if PRODUCTION else "readable", ("json", "readable"),
    otherwise="`json` in production, else `readable`",
    help="One JSON object per line, or lines for a person.",
    wrong="`readable` cannot be searched by field.",
    example="json",
)  # fmt: skip
LOG_LEVEL = env.choice(
    "LOG_LEVEL", "INFO", ("DEBUG", "INFO", "WARNING", "ERROR"),
    help="The lowest level that is logged.",
    wrong="Above INFO the log does not tell the story of a payment.",
)  # fmt: skip
LOG_FILE = env.file_to_write(
    "LOG_FILE",
    help="File that gets the same lines as the console, from every process. It is opened again after a rename: "
    "`deploy/logrotate/tillkeeper`. Empty: no file.",
    wrong="Hosts share it over a network: their lines mix. Without logrotate it fills the disk.",
    example="/var/log/tillkeeper/shop.log",
)  # fmt: skip

section("The database")

DATABASE_URL = env.url(
    "DATABASE_URL", f"sqlite:///{quote(fsencode(VAR_DIR / 'shop.sqlite3'))}",
    schemes=("postgres", "postgresql", "sqlite"),
    otherwise="SQLite in `VAR_DIR`; refused in production",
    help="The database: `postgres://user:password@host:port/name`. Special characters are written as in every URL. "
    "libpq reads it: several hosts, a socket (`postgres:///name?host=/run/postgresql`) and its parameters "
    "(`?sslmode=verify-full`) work, and others are refused. Our time limits come after its `options`.",
    wrong="Another database is another shop: `/readyz` says 503 where its migrations are missing.",
    example="postgres://till:password@db.internal:5432/shop?sslmode=verify-full",
)  # fmt: skip
DATABASE_OWNER_URL = env.url(
    "DATABASE_OWNER_URL", "", schemes=("postgres", "postgresql"),
    otherwise="none: the role of `DATABASE_URL` does that too",
    help="The same database with the role that owns the tables, for `migrate`, `backup`, `restore` and `dbroles` only. "
    "Services need it not.",
    wrong="Migrations make tables that the shop's role cannot use.",
    example="postgres://till_owner:password@db.internal:5432/shop?sslmode=verify-full",
)  # fmt: skip
DATABASE_STATEMENT_TIMEOUT_S = env.seconds(
    "DATABASE_STATEMENT_TIMEOUT_S", 30, at_least=1,
    help="Timeout for one statement, and for a transaction that sits idle.",
    wrong="Too short: reports are cut off. Too long: a stuck query holds a worker and row locks.",
)  # fmt: skip
DATABASE_LOCK_TIMEOUT_S = env.seconds(
    "DATABASE_LOCK_TIMEOUT_S", 10, at_least=1,
    help="Timeout for a lock. A migration that cannot get one gives up and does not stop the shop.",
    wrong="Too long: while a migration waits for a lock, every query behind it waits too.",
)  # fmt: skip

DATABASE_LIMITS_S = {
    "statement_timeout": DATABASE_STATEMENT_TIMEOUT_S,
    "lock_timeout": DATABASE_LOCK_TIMEOUT_S,
    "idle_in_transaction_session_timeout": DATABASE_STATEMENT_TIMEOUT_S,
}
"""PostgreSQL's parameters that each connection asks for; `config.database.in_force` compares them."""
