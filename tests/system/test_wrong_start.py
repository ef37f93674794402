"""Starts that cannot go well."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stack.ports import LOOPBACK, free_port
from tests.system.house import House


@pytest.fixture(scope="module")
def silent() -> Iterator[str]:
    """The address of somebody who takes connections and never says a word."""
    with socket.create_server((LOOPBACK, 0)) as listener:
        yield f"{LOOPBACK}:{listener.getsockname()[1]}"


Changes = dict[str, str | None]

STARTS: dict[str, tuple[str, Changes, str]] = {
    "scheduler without database": (
        "runscheduler",
        {"DATABASE_URL": "postgres://{nobody}/shop"},
        "The database does not answer",
    ),
    "scheduler without broker": (
        "runscheduler",
        {"BROKER_URL": "amqp://{nobody}"},
        "RabbitMQ at {nobody} does not answer",
    ),
    "scheduler that knows no broker": ("runscheduler", {"BROKER_URL": None}, "BROKER_URL is not set"),
    "scheduler with a wrong setting": (
        "runscheduler",
        {"FAST_TRACK_INTERVAL_S": "soon"},
        "The setting FAST_TRACK_INTERVAL_S is 'soon'",
    ),
    "services without database": (
        "checkservices",
        {"DATABASE_URL": "postgres://{nobody}/shop"},
        "The database does not answer",
    ),
    "services with an empty database": ("checkservices", {"DATABASE_URL": "{postgres}"}, "migrations are missing"),
    "services with a silent broker": (
        "checkservices",
        {"BROKER_URL": "amqp://{silent}"},
        "RabbitMQ at {silent} does not answer",
    ),
    "services with a broker on IPv6 that is not there": (
        "checkservices",
        {"BROKER_URL": "amqp://[::1]:9"},
        "RabbitMQ at [::1]:9 does not answer",
    ),
    "services with a wrong setting": ("checkservices", {"BROKER_URL": "http://x"}, "The setting BROKER_URL is"),
    "worker with a wrong setting": ("rundramatiq", {"PRODUCTION": "perhaps"}, "The setting PRODUCTION is 'perhaps'"),
    "local with a broker": ("runlocal", {}, "BROKER_URL is set, but this mode has its own broker"),
    "local without database": (
        "runlocal",
        {
            "BROKER_URL": None,
            "DATABASE_URL": "postgres://{nobody}/shop",
            "SHOP_URL": "http://{free}",
            "SANDBOX_URL": "http://{other}",
        },
        "The database does not answer",
    ),
    "local on a taken address": (
        "runlocal",
        {"BROKER_URL": None, "SHOP_URL": "http://{silent}", "SANDBOX_URL": "http://{nobody}"},
        "{silent} cannot be used: process {pid} ({name}) listens there. Set another SHOP_URL. For example: SHOP_URL=http://127.0.0.1:",
    ),
    "local with a taken sandbox": (
        "runlocal",
        {"BROKER_URL": None, "SHOP_URL": "http://{nobody}", "SANDBOX_URL": "http://{silent}"},
        "{silent} cannot be used: process {pid} ({name}) listens there. Set another SANDBOX_URL. For example: SANDBOX_URL=http://127.0.0.1:",
    ),
    "local at a name that nobody knows": (
        "runlocal",
        {"BROKER_URL": None, "SHOP_URL": "http://nobody.invalid:8000", "SANDBOX_URL": "http://{nobody}"},
        "nobody.invalid:8000 cannot be used: the name does not resolve here. Set another SHOP_URL.",
    ),
    "local with two sandboxes at one address": (
        "runlocal",
        {
            "BROKER_URL": None,
            "PAYMENT_ACCOUNTS": "sandbox,eu:sandbox",
            "SANDBOX_URL": "http://{nobody}",
            "EU_URL": "http://{nobody}",
        },
        "The accounts sandbox and eu are both at http://{nobody}. Set another address for one of them, like "
        "EU_URL=http://127.0.0.1:",
    ),
    "local with a wrong setting": (
        "runlocal",
        {"BROKER_URL": None, "PAYMENT_CHECK_INTERVAL_S": "7"},
        "The setting PAYMENT_CHECK_INTERVAL_S is '7'",
    ),
}


@pytest.mark.parametrize("kind", STARTS)
def test_wrong_start(house: House, silent: str, kind: str) -> None:
    """What is missing or wrong ends the start with one sentence that says what to do, and not with a traceback."""
    command, changes, sentence = STARTS[kind]
    known = {
        "pid": str(os.getpid()),
        "name": Path("/proc/self/comm").read_text().strip(),
        "silent": silent,
        "nobody": f"{LOOPBACK}:{free_port()}",
        "free": f"{LOOPBACK}:{free_port()}",
        "other": f"{LOOPBACK}:{free_port()}",
        "postgres": house.postgres.url,
    }

    done = house.manage(command, changes={name: value and value.format(**known) for name, value in changes.items()})

    assert done.returncode != 0
    assert sentence.format(**known) in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
