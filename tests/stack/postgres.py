"""A private PostgreSQL: a real one, in half a second, that a test may crash."""

import signal
import subprocess
from pathlib import Path

import psycopg
from psycopg import sql

from tests.stack.ports import LOOPBACK
from tests.stack.processes import Program
from tests.stack.programs import find_postgres
from tests.stack.server import Server, StartError
from tests.stack.tls import Certificate
from tests.stack.users import give, unprivileged

USERS = ("postgres", "nobody")
"""PostgreSQL refuses to run as root."""

# A throw-away cluster need not survive a power cut, only `kill -9`: what the kernel was given is safe without the
# disk. The other usual accelerators are not: synchronous_commit=off forgets the commits of the last moments when
# killed, and full_page_writes=off trusts that nobody dies halfway through a page.
DISKLESS = ("fsync=off",)


class Postgres(Server):
    """One cluster; `kill` takes the postmaster and its backends, `freeze` stops them all."""

    # The fast way: PostgreSQL takes SIGTERM as "wait until every client has gone".
    stop_request = signal.SIGINT

    def __init__(
        self, data_directory: Path | None = None, port: int | None = None, tls: Certificate | None = None
    ) -> None:
        """Given a directory, keep the data there and write it to the disk faithfully. With `tls`, offer it too."""
        self.binaries = find_postgres()
        self._tls = tls
        super().__init__(data_directory, port)

    @property
    def url(self) -> str:
        """The database that every cluster has."""
        return self.url_of("postgres")

    def url_of(self, database: str, user: str = "postgres") -> str:
        """The address of a database, for the superuser or another role."""
        return f"postgres://{user}@{LOOPBACK}:{self.port}/{database}"

    def create_database(self, name: str, encoding: str = "UTF8") -> str:
        """Create a database unless it exists, and return its address."""
        if not self._has_database(name):
            create = "CREATE DATABASE {} TEMPLATE template0 LOCALE 'C' ENCODING {}"
            self._execute(sql.SQL(create).format(sql.Identifier(name), sql.Literal(encoding)))
        return self.url_of(name)

    def drop_database(self, name: str) -> None:
        """Drop a database, whoever may still be connected."""
        self._execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    @property
    def sockets(self) -> Path:
        """The directory of its socket, with a capital letter and a percent sign, which an address must quote.

        A cluster that keeps its data has none: the path to its directory may be too long for a socket.
        """
        return self.directory / "S%2Fk"

    @property
    def _data(self) -> Path:
        return self.directory / "data"

    def _program(self) -> Program:
        server = str(self.binaries / "postgres")
        return Program(
            "PostgreSQL", [*unprivileged(*USERS), server, "-D", str(self._data), *self._options()], cwd=Path("/")
        )

    def _options(self) -> list[str]:
        settings = [
            f"listen_addresses={LOOPBACK}",
            f"port={self.port}",
            f"unix_socket_directories={'' if self.keeps_data else self.sockets}",
            "max_connections=200",
            *(() if self.keeps_data else DISKLESS),
            *((f"ssl_cert_file={self._tls.chain}", f"ssl_key_file={self._tls.key}", "ssl=on") if self._tls else ()),
        ]
        return [word for setting in settings for word in ("-c", setting)]

    def _prepare(self) -> None:
        """Make the cluster, once."""
        if self._tls:
            give(self._tls.key, *USERS)
        if not (self._data / "PG_VERSION").exists():
            self.sockets.mkdir(parents=True, exist_ok=True)
            give(self.sockets, *USERS)
            give(self.directory, *USERS)
            self._initdb()

    def _initdb(self) -> None:
        done = subprocess.run(
            [*unprivileged(*USERS), self.binaries / "initdb", "-D", self._data, *self._initdb_options()],
            cwd="/",
            text=True,
            capture_output=True,
            check=False,
        )
        if done.returncode:
            raise StartError(f"initdb could not make a cluster in {self._data}:\n{done.stderr}")

    def _initdb_options(self) -> list[str]:
        """Trust everybody: only this machine can connect, and there is nothing to steal."""
        options = ["-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8"]
        return options if self.keeps_data else [*options, "--no-sync"]

    def _greets(self) -> bool:
        try:
            psycopg.connect(self.url, connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def _has_database(self, name: str) -> bool:
        with psycopg.connect(self.url) as connection:
            found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name])
            return found.fetchone() is not None

    def _execute(self, statement: sql.Composed) -> None:
        """Run a statement that PostgreSQL refuses inside of a transaction."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(statement)
