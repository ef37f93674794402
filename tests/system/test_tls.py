"""TLS to PostgreSQL and RabbitMQ: a server that proves its name is spoken to, and no other.

The certificates are for `localhost`, and the servers listen on 127.0.0.1: the same server by its address is a stranger.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import pytest

from config.messaging.broker import Rabbitmq
from tests import forked
from tests.stack.postgres import Postgres
from tests.stack.rabbitmq import RabbitMQ
from tests.stack.tls import Certificate


@pytest.fixture(scope="module")
def certificate() -> Iterator[Certificate]:
    """Of the servers; their users can enter the directory."""
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)
        yield Certificate.issue(Path(directory), "localhost")


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """Of an authority that has signed neither."""
    return Certificate.issue(tmp_path_factory.mktemp("other"), "localhost")


@pytest.fixture(scope="module")
def postgres(certificate: Certificate) -> Iterator[Postgres]:
    with Postgres(tls=certificate) as server:
        yield server


@pytest.fixture(scope="module")
def rabbitmq(certificate: Certificate) -> Iterator[RabbitMQ]:
    with RabbitMQ(tls=certificate) as server:
        yield server


def manage(directory: Path, *words: str, **given: str) -> forked.Completed:
    """A command in a fresh process with nothing but these settings."""
    path = os.environ["PATH"]
    return forked.manage({"PATH": path, "HOME": str(directory), "VAR_DIR": str(directory), **given}, *words)


# --- RabbitMQ --------------------------------------------------------------------------------------------------------


def test_a_broker_with_a_verified_certificate(rabbitmq: RabbitMQ, certificate: Certificate) -> None:
    """By the connection that actors use, and by the one that asks about the queues."""
    url = f"amqps://guest:guest@localhost:{rabbitmq.tls_port}/%2F"
    broker = Rabbitmq(url=url, ca_file=str(certificate.authority), middleware=[])
    with closing(broker):
        broker.declare_queue("urgent", ensure=True)
    assert rabbitmq.counts("urgent") == 0
    assert "urgent" in rabbitmq.ctl("list_queues")


@pytest.mark.parametrize("case", ["right", "another authority", "this machine's authorities", "another name"])
def test_the_start_insists_on_the_certificate_of_the_broker(
    tmp_path: Path, postgres: Postgres, rabbitmq: RabbitMQ, certificate: Certificate, other: Certificate, case: str
) -> None:
    """`checkservices` connects as workers do."""
    host = "127.0.0.1" if case == "another name" else "localhost"
    files = {"another authority": str(other.authority), "this machine's authorities": ""}
    given = {
        "BROKER_URL": f"amqps://guest:guest@{host}:{rabbitmq.tls_port}/%2F",
        "BROKER_CA_FILE": files.get(case, str(certificate.authority)),
        "DATABASE_URL": postgres.create_database("empty"),
    }

    done = manage(tmp_path, "checkservices", **given)

    told = f"RabbitMQ at {host}:{rabbitmq.tls_port} does not answer"
    assert (told in done.stderr) == (case != "right"), done.stderr


# --- PostgreSQL ------------------------------------------------------------------------------------------------------

CASES = {
    "right": ("localhost", "", 0),
    "another authority": ("localhost", "other", 1),
    "another name": ("127.0.0.1", "", 1),
    "a misspelt parameter": ("localhost", "", 2),
}


@pytest.fixture(scope="module")
def shop(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The name of a database that is up to date."""
    address = postgres.create_database("shop")
    done = manage(tmp_path_factory.mktemp("migrate"), "migrate", "--verbosity", "0", DATABASE_URL=address)
    assert done.returncode == 0, done.stderr
    return "shop"


def address_of(case: str, postgres: Postgres, shop: str, certificate: Certificate, other: Certificate) -> str:
    """The address that a case writes."""
    host, authority, _ = CASES[case]
    file = (other if authority else certificate).authority
    mode = "sslmod" if case == "a misspelt parameter" else "sslmode"
    return f"postgres://postgres@{host}:{postgres.port}/{shop}?{mode}=verify-full&sslrootcert={quote(str(file))}"


@pytest.mark.parametrize("case", CASES)
def test_every_command_insists_on_the_certificate_of_the_database(
    tmp_path: Path, postgres: Postgres, shop: str, certificate: Certificate, other: Certificate, case: str
) -> None:
    """Those that connect through Django, and those that let PostgreSQL's own programs do it."""
    url = address_of(case, postgres, shop, certificate, other)
    expected = CASES[case][2]
    for words in (("checkservices", "--without-broker"), ("backup", str(tmp_path))):
        done = manage(tmp_path, *words, DATABASE_URL=url)
        assert bool(done.returncode) == bool(expected), (words, done.stderr)
        assert len(done.stderr.strip().splitlines()) <= 1, done.stderr


def test_the_connection_is_encrypted(
    tmp_path: Path, postgres: Postgres, shop: str, certificate: Certificate, other: Certificate
) -> None:
    """The server says so itself."""
    code = """if True:
        import django; django.setup()
        from django.db import connection
        with connection.cursor() as cursor:
            cursor.execute("SELECT ssl, version FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
            print(cursor.fetchone())
    """
    given = {"DATABASE_URL": address_of("right", postgres, shop, certificate, other), "PATH": os.environ["PATH"]}
    given |= {"VAR_DIR": str(tmp_path), "DJANGO_SETTINGS_MODULE": "config.settings"}

    assert forked.run_code(given, code).stdout.strip() in ("(True, 'TLSv1.3')", "(True, 'TLSv1.2')")
