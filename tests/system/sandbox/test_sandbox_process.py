"""The sandbox provider as a program: start, stop, restart."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
import requests

from billing.sandbox import SandboxServer, webhook_delivery
from config.hosts import host_and_port
from tests.merchants import Shop, ask, create, eventually, get, order, paid, port_of, post, refund
from tests.stack.ports import HANG_S


def test_everything_important_survives_a_restart(shop: Shop, tmp_path: Path) -> None:
    """Payments, refunds, disputes, keys, order and counters, all from the file."""
    database = tmp_path / "deep" / "sandbox.sqlite3"
    with SandboxServer(database=database) as before:
        made = [create(before) for _ in range(2)]
        keyed = post(before, "/v1/payments", order(callback_url=shop.url), key="kept").json()["id"]
        before.act(keyed, "pay")
        refunded = refund(before, keyed, "1.00").json()
        disputed = before.force_dispute(before.dispute(keyed, inquiry=True)["id"], "review")
        before.act(made[0], "transfer")
        eventually(lambda: before.stats()["callbacks"]["delivered"] == 3)

    with SandboxServer(database=database) as after:
        assert [payment["id"] for payment in after.payments()] == [*made, keyed]
        assert post(after, "/v1/payments", order(callback_url=shop.url), key="kept").json()["id"] == keyed
        assert ask(after, keyed).json()["refunded_amount"]["value"] == "1.00"
        assert get(after, "/v1/refunds").json()["refunds"] == [refunded]
        assert get(after, "/v1/disputes").json()["disputes"] == [disputed]
        assert ask(after, keyed).json()["disputed"] is True
        assert ask(after, made[0]).json()["working"] is True
        assert after.stats()["callbacks"]["delivered"] == 3
    assert len(shop.events) == 3


def test_a_file_of_an_older_sandbox_is_read(tmp_path: Path) -> None:
    """Its payments were neither working nor disputed, and its refunds had no time."""
    path = tmp_path / "sandbox.sqlite3"
    with SandboxServer(database=path) as before:
        payment_id = create(before)
        before.act(payment_id, "pay")
        refund_id = refund(before, payment_id, "1.00").json()["id"]
    with closing(sqlite3.connect(path)) as old, old:
        for name in ("working", "disputed", "created_at"):
            kinds = "('refund')" if name == "created_at" else "('payment')"
            old.execute(f"UPDATE record SET body = json_remove(body, '$.{name}') WHERE kind IN {kinds}")  # noqa: S608

    with SandboxServer(database=path) as after:
        assert "working" not in ask(after, payment_id).json()
        assert get(after, f"/v1/refunds/{refund_id}").json()["created_at"] == "1970-01-01T00:00:00.000000Z"


@pytest.mark.usefixtures("quick_retries")
def test_an_undelivered_callback_survives_a_restart(shop: Shop, tmp_path: Path) -> None:
    """The same event is sent by the next sandbox."""
    shop.status = 500
    with SandboxServer(database=tmp_path / "sandbox.sqlite3") as before:
        paid(before, shop)
        eventually(lambda: shop.events)
    shop.status = 200

    with SandboxServer(database=tmp_path / "sandbox.sqlite3") as after:
        eventually(lambda: after.stats()["callbacks"]["delivered"] == 1)

    assert len({event["id"] for event in shop.events}) == 1


def test_what_ran_out_while_nobody_was_there_expires(shop: Shop, tmp_path: Path) -> None:
    """The next sandbox notices, and tells the shop."""
    with SandboxServer(database=tmp_path / "sandbox.sqlite3") as before:
        create(before, expires_in_s=1, callback_url=shop.url)
    time.sleep(1.1)

    with SandboxServer(database=tmp_path / "sandbox.sqlite3"):
        eventually(lambda: set(shop.types) == {"payment.expired"})


def test_stopping_waits_for_nobody(shop: Shop) -> None:
    """Hanging, dripping and idle callers, and a hanging shop, are cut off at once."""
    shop.pause_s = 2 * webhook_delivery.TIMEOUT_S
    with SandboxServer() as sandbox, ThreadPoolExecutor(2) as pool, requests.Session() as idle:
        payment_id = paid(sandbox, shop)
        idle.get(f"{sandbox.url}/healthz", timeout=HANG_S)
        for kind, path in (("hang", "status"), ("drip", "list")):
            sandbox.fault(path, kind)
        calls = [pool.submit(ask, sandbox, payment_id), pool.submit(get, sandbox, "/v1/payments")]
        eventually(lambda: len(sandbox.requests()) == 3 and shop.events)
        begin = time.monotonic()

        sandbox.stop()

        assert time.monotonic() - begin < webhook_delivery.TIMEOUT_S, (
            "the shop is given up first, the callers much later"
        )
        assert all(isinstance(call.exception(HANG_S), requests.RequestException) for call in calls)
        with pytest.raises(requests.ConnectionError):
            idle.get(f"{sandbox.url}/healthz", timeout=HANG_S)


def run_sandbox(*options: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "billing.sandbox", *options]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize("host", ["::1", "[::1]", "::"])
def test_it_serves_on_ipv6(host: str) -> None:
    """Its address can be put into a browser."""
    with SandboxServer(host=host) as sandbox:
        assert sandbox.url.startswith("http://[::")
        assert ask(sandbox, create(sandbox)).ok


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_program_cleanly(number: signal.Signals) -> None:
    """Exit status 0 and nothing on stderr."""
    with run_sandbox("--port", "0") as process:
        assert process.stdout
        assert "http://127.0.0.1:" in process.stdout.readline()

        process.send_signal(number)

        _, complaints = process.communicate(timeout=HANG_S)
        assert (process.returncode, complaints) == (0, "")


@pytest.mark.parametrize("host", ["127.0.0.1", "::"])
def test_a_taken_port_is_one_clear_sentence(sandbox: SandboxServer, host: str) -> None:
    """Exit status 1, no traceback."""
    port = port_of(sandbox)

    with run_sandbox("--host", host, "--port", str(port)) as process:
        _, complaints = process.communicate(timeout=2 * HANG_S)

    assert process.returncode == 1
    taken = f"process {os.getpid()} ({Path('/proc/self/comm').read_text().strip()}) listens there"
    assert complaints == f"The sandbox cannot start: {host_and_port(host, port)} cannot be used: {taken}.\n"
    assert complaints.count("\n") == 1


def test_the_sandbox_is_a_stranger() -> None:
    """It loads nothing of Django and nothing of the shop."""
    program = (
        "import sys, billing.sandbox; print([name for name in sys.modules if name.startswith(('django', 'bill'))])"
    )

    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=HANG_S)

    names = set(json.loads(loaded.stdout.replace("'", '"')))
    assert {name for name in names if not name.startswith("billing.sandbox")} == {"billing"}
