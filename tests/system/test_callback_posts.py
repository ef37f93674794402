"""Callbacks as strangers post them to the real web process: any bytes, and many at once."""

import json
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest

from billing.sandbox.webhook_delivery import signature
from tests.stack.ports import HANG_S
from tests.stopwatch import assert_quick
from tests.system.house import House, http

SECRET = "sandbox-secret"

LIMIT = 65_536

FLOOD = 200


def exchange(house: House, head: str, body: bytes = b"") -> str:
    """Send these bytes, and nothing after them; returns the status line of the answer."""
    address = urlsplit(house.url)
    with socket.create_connection((address.hostname, address.port), timeout=HANG_S) as connection:
        connection.sendall(
            f"POST /callbacks/sandbox/ HTTP/1.1\r\nHost: {address.hostname}\r\n{head}\r\n".encode() + body
        )
        return connection.recv(4096).decode().splitlines()[0]


def stored(house: House) -> int:
    """How many callbacks there are."""
    [(number,)] = house.sql("SELECT count(*) FROM billing_callback")
    return int(number)


def test_a_chunked_body_is_refused_and_not_taken_for_an_empty_one(house: House) -> None:
    """Django reads it as empty under WSGI: an error makes the provider send it again, and nothing is stored."""
    house.run("web")
    before = stored(house)
    body = b'{"type": "payment.succeeded", "payment": {"id": "p", "reference": "r"}}'
    chunked = f"{len(body):x}\r\n".encode() + body + b"\r\n0\r\n\r\n"

    assert " 400 " in exchange(house, "Transfer-Encoding: chunked\r\n", chunked)
    assert stored(house) == before


def test_a_body_that_says_it_is_too_long_is_refused_unread(house: House) -> None:
    """The answer comes though not a byte of the body was sent."""
    house.run("web")
    before = stored(house)

    for length in (LIMIT + 1, 10**9, 10**30):
        assert " 413 " in exchange(house, f"Content-Length: {length}\r\n")
    assert stored(house) == before


@pytest.mark.alone
def test_a_flood_is_stored_and_answered_while_the_provider_hangs(house: House) -> None:
    """The provider is not asked before the answer, so it does not matter to it how the provider is."""
    house.run("web")
    house.provider.outage("hang", 60)
    before = stored(house)
    try:
        single = post(house, 0)
        with ThreadPoolExecutor(FLOOD) as senders:
            answers = list(senders.map(lambda number: post(house, number), range(1, FLOOD + 1)))
    finally:
        house.provider.end_outage()

    assert single[0] == 200
    assert {status for status, _ in answers} == {200}
    assert stored(house) - before == FLOOD + 1
    assert_quick(single[1], 1, "the answer to a single callback")


def post(house: House, number: int) -> tuple[int, float]:
    """One callback about a payment that nobody knows: the status of the answer, and how long it took, in seconds."""
    about = {"id": f"sb_flood_{number}_{time.time()}", "reference": f"flood-{number}"}
    body = json.dumps({"type": "payment.succeeded", "payment": about}).encode()
    with http() as provider:
        started = time.perf_counter()
        answer = provider.post(
            f"{house.url}/callbacks/sandbox/",
            body,
            headers={"Sandbox-Signature": signature(SECRET, body)},
            timeout=HANG_S,
        )
        return answer.status_code, time.perf_counter() - started
