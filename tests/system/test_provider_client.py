"""The HTTP client that all providers share, against a real server that misbehaves."""

import logging
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import trustme
from pytest_django.fixtures import Settings

from billing.errors import (
    BadAnswer,
    DeadlinePassed,
    NotFound,
    ProviderError,
    Refused,
    Unavailable,
    Unreachable,
    WrongCredentials,
)
from billing.providers import http
from billing.providers.base import Account
from billing.providers.http import ProviderClient
from billing.sandbox import SandboxServer
from tests.stopwatch import assert_quick

KEY = "sandbox-key"
PATIENCE_S = 20.0


@pytest.fixture
def client(sandbox: SandboxServer, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> ProviderClient:
    """A client of the sandbox, with patience."""
    settings.PAYMENT_API_TIMEOUT_S = PATIENCE_S
    monkeypatch.setattr(http, "LONGEST_ANSWER_BYTES", 10_000)
    return client_of(sandbox.url, {"Authorization": f"Bearer {KEY}"})


@pytest.fixture
def path(client: ProviderClient) -> str:
    """The path of a payment that exists."""
    body = {"amount": {"value": "1.00", "currency": "EUR"}, "reference": "client", "return_url": "", "callback_url": ""}
    created = client.post("/v1/payments", body, str(time.monotonic_ns()))
    return f"/v1/payments/{created['id']}"


@pytest.mark.alone
@pytest.mark.parametrize("kind", ["hang", "drip"])
def test_the_deadline_holds_for_the_whole_call(
    client: ProviderClient, sandbox: SandboxServer, path: str, kind: str, settings: Settings
) -> None:
    """Silence ends in time, and so does an answer that drips, headers included."""
    settings.PAYMENT_API_TIMEOUT_S = 0.5
    sandbox.fault("status", kind, **({"drip_ms": 50} if kind == "drip" else {"hang_s": 5}))
    started = time.monotonic()

    with pytest.raises(DeadlinePassed):
        client.get(path)

    took_s = time.monotonic() - started
    assert took_s > 0.45
    assert_quick(took_s, 0.8, "a call with a deadline of half a second")


@pytest.mark.alone
def test_the_deadline_holds_over_tls(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Encrypted answers drip no longer than others."""
    settings.PAYMENT_API_TIMEOUT_S = 0.5
    authority = trustme.CA()
    with authority.cert_pem.tempfile() as bundle, _dripping_tls_server(authority) as port:
        monkeypatch.setattr("requests.adapters.DEFAULT_CA_BUNDLE_PATH", bundle)
        client = client_of(f"https://localhost:{port}")
        started = time.monotonic()
        with pytest.raises(DeadlinePassed):
            client.get("/")

    took_s = time.monotonic() - started
    assert took_s > 0.45
    assert_quick(took_s, 0.8, "a call with a deadline of half a second")


def test_a_server_without_a_certificate_we_trust_is_not_talked_to(settings: Settings) -> None:
    """Watching the socket must not switch verification off."""
    settings.PAYMENT_API_TIMEOUT_S = PATIENCE_S
    with _dripping_tls_server(trustme.CA()) as port, pytest.raises(Unreachable, match="SSLError"):
        client_of(f"https://localhost:{port}").get("/")


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("reset", Unreachable),
        ("lost_answer", Unreachable),
        ("status_429", Unavailable),
        ("status_500", Unavailable),
        ("status_502_html", Unavailable),
        ("html", BadAnswer),
        ("not_json", BadAnswer),
        ("oversized", BadAnswer),
        ("redirect", BadAnswer),
        ("not_found", NotFound),
        ("unauthorized", WrongCredentials),
    ],
)
def test_every_misbehaviour_has_a_name(
    client: ProviderClient, sandbox: SandboxServer, path: str, kind: str, error: type[ProviderError]
) -> None:
    """Nothing but a ProviderError ever leaves the client, and the connection after it is a good one."""
    sandbox.fault("status", kind, times=1, **({"location": sandbox.url} if kind == "redirect" else {}))

    with pytest.raises(error):
        client.get(path)

    assert client.get(path)["status"] == "pending"


def test_too_many_requests_tell_when_to_come_back(client: ProviderClient, sandbox: SandboxServer, path: str) -> None:
    """The provider's own wish is kept."""
    sandbox.fault("status", "status_429", times=1, retry_after_s=7)

    with pytest.raises(Unavailable) as error:
        client.get(path)

    assert error.value.retry_after_s == 7


def test_a_definite_no_is_told_from_an_unknown_outcome(client: ProviderClient) -> None:
    """The provider's short code and the field are repeated, its text is not: it may quote what we sent."""
    with pytest.raises(Refused, match=r"^HTTP 422 invalid_request amount$"):
        client.post("/v1/payments", {"amount": "rubbish"}, "no")


def test_nobody_is_listening(settings: Settings) -> None:
    """A refused connection is an unknown outcome."""
    settings.PAYMENT_API_TIMEOUT_S = PATIENCE_S
    with pytest.raises(Unreachable):
        client_of("http://127.0.0.1:9").get("/")


def test_calls_share_connections(client: ProviderClient, path: str) -> None:
    """Twenty calls in a row need one connection."""
    before = _connections()
    for _ in range(20):
        client.get(path)

    assert 0 < _connections() <= before + 1


def test_the_environment_has_no_say(client: ProviderClient, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy variable on the machine must not send payments elsewhere."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")

    assert client.get(path)["status"] == "pending"


def test_secrets_stay_out_of_errors_and_logs(
    client: ProviderClient, sandbox: SandboxServer, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither the key nor the body of an answer is repeated."""
    caplog.set_level(logging.DEBUG)
    for kind in ("status_500", "html", "unauthorized", "reset"):
        sandbox.fault("status", kind, times=1)
        with pytest.raises(ProviderError) as error:
            client.get(path)
        assert KEY not in f"{error.value!r} {error.value.__cause__!r}"

    assert KEY not in caplog.text


def client_of(url: str, headers: dict[str, str] | None = None) -> ProviderClient:
    """A client of whoever listens there."""
    return ProviderClient(Account("sandbox", {"url": url}), headers or {})


def _connections() -> int:
    """The sandbox has one thread per connection, and lives in this process."""
    return sum("process_request_thread" in thread.name for thread in threading.enumerate())


@contextmanager
def _dripping_tls_server(authority: trustme.CA) -> Iterator[int]:
    """A server that sends one byte every 50 ms to everybody who calls."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_drip, args=(listener, context), daemon=True).start()
        yield listener.getsockname()[1]


def _drip(listener: socket.socket, context: ssl.SSLContext) -> None:
    try:
        connection, _ = listener.accept()
        with context.wrap_socket(connection, server_side=True) as stream:
            for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}":
                stream.sendall(bytes([byte]))
                time.sleep(0.05)
    except OSError:
        pass  # the caller has left, as it should
