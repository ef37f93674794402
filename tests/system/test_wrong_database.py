"""A database that answers and does not do what the shop needs: read-only, in another encoding, without our limits."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from urllib.parse import quote

import psycopg
import pytest
from django.db import InternalError, connection, transaction
from django.test import Client

from actors.models import Pause
from tests.faces import Faces, Told
from tests.stack.ports import wait_until
from tests.system.house import House

READ_ONLY = "The database is read-only"


@contextmanager
def connected_with(options: str = "", **address: str) -> Iterator[None]:
    """Another connection, in every thread: with these options of libpq beside ours, or to another address."""
    connection.close()
    ours = connection.settings_dict
    parameters = ours["OPTIONS"] | {"options": f"{ours['OPTIONS']['options']} {options}"}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (address | {"OPTIONS": parameters}).items():
            patch.setitem(ours, name, value)
        try:
            yield
        finally:
            connection.close()


@contextmanager
def encoded_in(encoding: str) -> Iterator[None]:
    """As if the database had been created so; it holds nothing beyond ASCII."""
    set_encoding(encoding)
    try:
        yield
    finally:
        set_encoding("UTF8")


def set_encoding(encoding: str) -> None:
    """In the catalogue, where the server reads it for each new connection."""
    change = "UPDATE pg_database SET encoding = pg_char_to_encoding(%s) WHERE datname = current_database()"
    with connection.cursor() as cursor:
        cursor.execute(change, [encoding])
    connection.close()


def test_a_database_that_cannot_be_written_is_told_everywhere(faces: Faces) -> None:
    """It answers every question; after a failover the old primary does too. No customer may come."""
    problem = (
        "The database is read-only (default_transaction_read_only is on); after a failover, DATABASE_URL must lead to"
        " the new primary."
    )
    with connected_with("-c default_transaction_read_only=on"):
        assert faces.told() == Told({"database": problem}, {"DatabaseReadOnly"}, ("database",))
    assert Client().get("/readyz").status_code == 200


@pytest.mark.parametrize("within", [False, True], ids=["alone", "within a transaction"])
def test_a_connection_that_cannot_write_is_closed_at_once(within: bool) -> None:
    """The next one may lead to the new primary; this one would fail until CONN_MAX_AGE."""
    with connected_with("-c default_transaction_read_only=on"):
        with pytest.raises(InternalError), transaction.atomic() if within else nullcontext():
            Pause.objects.create(kind="queue", name="urgent", paused_by="olga", why="a test")
        assert connection.connection is None


@pytest.mark.parametrize(
    ("options", "address", "problems"),
    [
        (
            "-c statement_timeout=7000 -c idle_in_transaction_session_timeout=0",
            {},
            {
                "statement_timeout": "it is 7 s in force, and not 30 s",
                "idle_in_transaction_session_timeout": "it is off in force, and not 30 s",
            },
        ),
        ("", {"HOST": "127.1"}, {"DATABASE_URL": "the connection to the database is not encrypted"}),
    ],
    ids=["limits", "TLS"],
)
def test_what_is_in_force_and_not_as_the_settings_ask_is_told_everywhere(
    faces: Faces, options: str, address: dict[str, str], problems: dict[str, str]
) -> None:
    """A pooler drops our limits; a database at an address that is not known as this host is spoken to in clear text.
    Customers are served: no other process would do better."""
    with connected_with(options, **address):
        assert faces.told() == Told(problems, {"DatabaseDiffers"})


def test_another_encoding_is_told_everywhere(faces: Faces) -> None:
    """It stops every start; a process that runs serves most customers."""
    with encoded_in("LATIN1"):
        problem = "the database's encoding is LATIN1: it cannot hold every name"
        assert faces.told() == Told({"DATABASE_URL": problem}, {"DatabaseDiffers"})


# --- the whole house -------------------------------------------------------------------------------------------------


@contextmanager
def new_connections_read_only(house: House) -> Iterator[None]:
    """As after a failover: whoever connects reaches the old primary, until the address leads to the new one. The
    connections made meanwhile stay where they are."""

    def run(statement: str) -> None:
        with psycopg.connect(
            house.postgres.url_of("postgres"), autocommit=True, options="-c default_transaction_read_only=off"
        ) as operator:
            operator.execute(statement.encode())

    run("ALTER DATABASE shop SET default_transaction_read_only = on")
    run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'shop'")
    try:
        yield
    finally:
        run("ALTER DATABASE shop RESET default_transaction_read_only")


def test_an_old_primary_that_lives_on(full_house: House) -> None:
    """Health of every part, metrics, `checkservices`, doctor and console name the database; the first request after it
    works again."""
    house, operator = full_house, full_house.signed_in()
    failed = house.metrics("web").sum("tillkeeper_checkout_seconds_count", outcome="error")
    with new_connections_read_only(house):
        for part in house.pids():
            wait_until(partial(is_unready, house, part), f"the {part} was not ready")
        assert (house.findings(operator) or {}).keys() == {"database"}
        with pytest.raises(AssertionError):
            house.place(1)
        assert house.metrics("web").sum("tillkeeper_database_writable") == 0
        assert house.metrics("web").sum("tillkeeper_checkout_seconds_count", outcome="error") > failed
        for words in (("checkservices",), ("jobs", "doctor")):
            told = house.manage(*words)
            assert told.returncode == 1
            assert READ_ONLY in told.stdout + told.stderr
            assert "worker" not in told.stdout + told.stderr

    wait_until(lambda: house.page("/readyz").status_code == 200, "the web was ready")
    orders = house.place(3)
    house.pay(orders)
    house.wait_until_settled(orders)
    house.assert_paid_and_mailed_once(orders)


def is_unready(house: House, part: str) -> bool:
    """Because of the database."""
    return "database" in house.unready(part)


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_a_database_of_another_encoding_stops_the_start(house: House, encoding: str) -> None:
    """It would be a 500 for the first Cyrillic name."""
    address = house.postgres.create_database(f"shop_{encoding.lower()}", encoding)

    told = house.manage("checkservices", "--without-broker", changes={"DATABASE_URL": address})

    assert told.returncode == 1
    assert f"the database's encoding is {encoding}: it cannot hold every name. Create a database" in told.stderr


@pytest.mark.parametrize("query", ["nonsense=1", "sslmode"])
def test_a_parameter_that_libpq_does_not_know_stops_the_start(house: House, query: str) -> None:
    """It is not dropped silently, and the password is not shown."""
    told = house.manage("check", changes={"DATABASE_URL": f"postgres://till:hushhush@127.0.0.1/shop?{query}"})

    assert told.returncode == 2
    assert told.stderr.startswith("The setting DATABASE_URL is '***': libpq cannot read it (")
    assert "hushhush" not in told.stderr


def test_a_parameter_reaches_libpq(house: House) -> None:
    """The server's own words are shown: this one has no TLS."""
    address = house.environment["DATABASE_URL"]

    told = house.manage("checkservices", changes={"DATABASE_URL": f"{address}?sslmode=require"})

    assert told.returncode == 1
    assert "server does not support SSL, but SSL was required" in told.stderr


def test_addresses_that_libpq_reads(house: House) -> None:
    """A socket in both spellings, and several hosts."""
    name, port, sockets = "shop", house.postgres.port, quote(str(house.postgres.sockets), safe="")
    for address in (
        f"postgres://postgres@{sockets}:{port}/{name}",
        f"postgres://postgres@/{name}?host={sockets}&port={port}",
        f"postgres://postgres@127.0.0.1:9,127.0.0.1:{port}/{name}?target_session_attrs=read-write",
    ):
        told = house.manage("checkservices", changes={"DATABASE_URL": address})
        assert (told.returncode, told.stderr) == (0, "")
