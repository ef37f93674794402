"""BROKER_URL: what no client could connect with stops the start, in one sentence that shows no password."""

import json
import os
from pathlib import Path

import pytest
import trustme

from config.messaging.address import is_verified, read
from tests import forked
from tests.forked import Completed


def manage(directory: Path, *words: str, **given: str) -> Completed:
    """A command in a fresh process with nothing but these settings."""
    return forked.manage({"PATH": os.environ["PATH"], "VAR_DIR": str(directory), **given}, *words)


@pytest.mark.parametrize(
    "address",
    [
        "amqp://till@mq.internal/till",
        "amqp://till:hushhush@mq.internal/till?hart_beat=10",
        "amqp://till:hushhush@mq.internal/till?heartbeat=soon",
        "amqp://till:hushhush@mq.internal/till?heartbeat=1&heartbeat=2",
        "amqps://till:hushhush@mq.internal/till?ssl_options=yes",
        "amqps://till:hushhush@mq.internal/till?ssl_options=%7B%7D",
        "amqps://till:hushhush@mq.internal/till?ssl_options=%7B'cafile':'/none'%7D",
    ],
)
@pytest.mark.parametrize("command", ["check", "rabbitmqconf"])
def test_an_address_that_cannot_be_used_stops_every_command(tmp_path: Path, command: str, address: str) -> None:
    """One line, and the setting's name first."""
    ended = manage(tmp_path, command, BROKER_URL=address)

    assert (ended.returncode, len(ended.stderr.splitlines())) == (2, 1)
    assert ended.stderr.startswith("The setting BROKER_URL ")
    assert "hushhush" not in ended.stderr
    assert "argument of type" not in ended.stderr


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({"BROKER_URL": "amqp://till:a@mq/till", "BROKER_CA_FILE": "{ca}"}, "BROKER_CA_FILE"),
        ({"BROKER_URL": "amqps://till:a@mq/till", "BROKER_CA_FILE": "/none"}, "BROKER_CA_FILE"),
        ({"BROKER_URL": "amqps://till:a@mq/till", "BROKER_CA_FILE": "{empty}"}, "BROKER_CA_FILE"),
        (
            {"BROKER_URL": "amqps://till:a@mq/till?ssl_options=%7B'cafile':'{ca}'%7D", "BROKER_CA_FILE": "{ca}"},
            "BROKER_CA_FILE",
        ),
    ],
    ids=["without TLS", "no file", "no certificate", "two files"],
)
def test_a_file_of_certificates_that_would_not_be_used_is_refused(
    tmp_path: Path, authority: Path, given: dict[str, str], name: str
) -> None:
    """An operator who names one relies on it."""
    (empty := tmp_path / "empty").touch()

    ended = manage(tmp_path, "check", **{key: value.format(ca=authority, empty=empty) for key, value in given.items()})

    assert (ended.returncode, len(ended.stderr.splitlines())) == (2, 1)
    assert ended.stderr.startswith(f"The setting {name} is ")


@pytest.mark.parametrize("user", ["", "guest:guest@", "guest:hushhush@"])
def test_no_rights_are_made_for_guest(tmp_path: Path, user: str) -> None:
    """Everyone knows RabbitMQ's own user: an address without a user means it."""
    ended = manage(tmp_path, "rabbitmqconf", BROKER_URL=f"amqp://{user}mq.internal/till")

    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith("BROKER_URL names no user of the shop's own: write ")


def test_rights_are_made_for_the_user_of_the_address(tmp_path: Path) -> None:
    """As pika reads it, the vhost too."""
    printed = manage(tmp_path, "rabbitmqconf", BROKER_URL="amqp://t%40ll:a@mq/till%2Fshop?heartbeat=5").stdout

    [right] = json.loads(printed)["permissions"]
    assert (right["user"], right["vhost"]) == ("t@ll", "till/shop")


# --- timeouts --------------------------------------------------------------------------------------------------------


def test_an_address_may_change_a_default_and_not_a_limit() -> None:
    """Nothing else of it changes."""
    url = "amqp://till:p%40ss@rabbit/shop?heartbeat=30&socket_timeout=70"

    found = read(url, defaults={"heartbeat": "10", "stack_timeout": "4"}, limits={"socket_timeout": "2"})

    assert (found.heartbeat, found.stack_timeout, found.socket_timeout) == (30, 4, 2)
    assert (found.host, found.port, found.virtual_host) == ("rabbit", 5672, "shop")
    assert (found.credentials.username, found.credentials.password) == ("till", "p@ss")


# --- TLS -------------------------------------------------------------------------------------------------------------


def test_amqps_is_verified_by_itself(authority: Path) -> None:
    """With the certificates of this machine, or with those of the file."""
    assert not is_verified(read("amqp://mq"))
    for found in (read("amqps://mq"), read("amqps://mq", str(authority))):
        assert is_verified(found)
        assert found.port == 5671


@pytest.fixture
def authority(tmp_path: Path) -> Path:
    """A file with the certificate of an authority."""
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    return tmp_path / "ca.pem"
