"""DATABASE_URL: each parameter of libpq reaches libpq, or the start says why not."""

import os
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db.backends.postgresql.base import DatabaseWrapper

from config.env import WrongSetting
from config.settings.databases import database
from tests import forked

OVERRIDDEN = {"client_encoding", "options"}
PARAMETERS = [
    each.keyword.decode() for each in psycopg.pq.Conninfo.get_defaults() if each.dispchar != b"D"
]  # D: for those who debug libpq
VALUES = {"port": "5433", "connect_timeout": "7", "hostaddr": "127.0.0.1"}


def parameters_of(url: str) -> dict[str, Any]:
    """What Django hands over to psycopg."""
    default = {"TIME_ZONE": None, "AUTOCOMMIT": True, "ATOMIC_REQUESTS": False}
    return DatabaseWrapper({**default, **database(url)}).get_connection_params()


@pytest.mark.parametrize("name", [name for name in PARAMETERS if name not in OVERRIDDEN])
def test_a_parameter_reaches_libpq(name: str) -> None:
    """All that this libpq knows, and not a list of our own."""
    value = VALUES.get(name, "a%20b")

    found = parameters_of(f"postgres://db.internal/shop?{name}={value}")

    assert found[name] == value.replace("%20", " ")


def test_our_limits_come_after_the_options_of_the_address() -> None:
    """So the address cannot undo them."""
    found = parameters_of("postgres://db.internal/shop?options=-c%20statement_timeout%3D0")

    assert found["options"].startswith("-c statement_timeout=0 -c statement_timeout=")


@pytest.mark.parametrize("encoding", ["UTF8", "utf-8"])
def test_the_encoding_of_the_client_is_utf_8(encoding: str) -> None:
    """Django sets it anyway."""
    assert parameters_of(f"postgres://db.internal/shop?client_encoding={encoding}")["client_encoding"] == "UTF8"


@pytest.mark.parametrize(
    ("url", "instead"),
    [
        ("postgres://till:hushhush@db.internal/shop?client_encoding=LATIN1", "client_encoding"),
        ("postgres://till:hushhush@db.internal", "names no database"),
        ("postgres://till:hushhush@db.internal/shop?sslmod=require", "invalid URI query parameter"),
        ("postgres://till:hushhush@db.internal/shop?assume_role=owner", "invalid URI query parameter"),
    ],
)
def test_what_would_not_be_used_stops_the_start(url: str, instead: str) -> None:
    """Django's own options are none of libpq's."""
    with pytest.raises(WrongSetting) as caught:
        database(url)

    assert str(caught.value).startswith("The setting DATABASE_URL is '***': ")
    assert instead in str(caught.value)
    assert "hushhush" not in str(caught.value)


def test_a_service_of_libpq_may_name_everything() -> None:
    """Host, port and database stand in its file then."""
    found = parameters_of("postgres:///?service=shop")

    assert found["service"] == "shop"
    assert not found.keys() & {"host", "port", "dbname"}


@pytest.mark.parametrize(("name", "value"), [("sslpassword", "hushhush"), ("oauth_client_secret", "hushhush")])
def test_a_secret_that_a_backup_could_not_keep_is_refused(tmp_path: Path, name: str, value: str) -> None:
    """libpq has no variable for it, and arguments are shown by `ps`."""
    given = {"DATABASE_URL": f"postgres://till@db.internal/shop?{name}={value}", "VAR_DIR": str(tmp_path)}

    done = forked.manage({"PATH": os.environ["PATH"], **given}, "backup", str(tmp_path))

    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert done.stderr.startswith(f"DATABASE_URL has {name}, which ")
    assert value not in done.stderr


def test_a_parameter_without_a_variable_reaches_the_programs_of_a_backup(tmp_path: Path) -> None:
    """libpq refuses its value before it connects."""
    url = "postgres://till@127.0.0.1:9/shop?keepalives_idle=soon"

    done = forked.manage(
        {"PATH": os.environ["PATH"], "DATABASE_URL": url, "VAR_DIR": str(tmp_path)}, "backup", str(tmp_path)
    )

    assert done.returncode == 2
    assert "keepalives_idle" in done.stderr
