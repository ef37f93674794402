"""What can be made to go wrong at the sandbox provider, and what drills can see of it."""

import socket
import time

import pytest
import requests

from billing.sandbox import SandboxServer
from billing.sandbox.faults import KINDS
from tests.merchants import (
    KEY,
    Json,
    Shop,
    ask,
    control,
    create,
    eventually,
    fresh_keys,
    get,
    order,
    paid,
    port_of,
    post,
)
from tests.stack.ports import HANG_S

# Faults


def test_delay_comes_before_the_true_answer(sandbox: SandboxServer) -> None:
    """After `delay_ms` everything is as usual."""
    payment_id = create(sandbox)
    sandbox.fault("status", "delay", delay_ms=200)
    begin = time.monotonic()

    assert ask(sandbox, payment_id).json()["status"] == "pending"
    assert time.monotonic() - begin >= 0.2


def test_hang_answers_nothing(sandbox: SandboxServer) -> None:
    """The caller's own timeout ends it."""
    payment_id = create(sandbox)
    sandbox.fault("status", "hang")

    with pytest.raises(requests.ReadTimeout):
        ask(sandbox, payment_id, timeout=0.2)


def test_hang_ends_without_an_answer(sandbox: SandboxServer) -> None:
    """After `hang_s` the connection is closed."""
    payment_id = create(sandbox)
    sandbox.fault("status", "hang", hang_s=0.1)

    with pytest.raises(requests.ConnectionError):
        ask(sandbox, payment_id)


def test_drip_outlives_a_read_timeout(sandbox: SandboxServer) -> None:
    """The true answer, byte by byte, never silent for long: only a deadline ends it early."""
    payment_id = create(sandbox)
    sandbox.fault("status", "drip", drip_ms=6)
    begin = time.monotonic()

    assert ask(sandbox, payment_id, timeout=1).json()["id"] == payment_id
    assert time.monotonic() - begin > 2


def test_reset_is_a_reset(sandbox: SandboxServer) -> None:
    """The caller sees ECONNRESET, not a polite end."""
    sandbox.fault("any", "reset")

    with socket.create_connection(("127.0.0.1", port_of(sandbox)), 5) as line:
        line.sendall(b"GET /v1/payments HTTP/1.1\r\nHost: sandbox\r\n\r\n")
        with pytest.raises(ConnectionResetError):
            line.recv(1)


def test_lost_answer_does_the_work(sandbox: SandboxServer) -> None:
    """The payment exists although the caller never heard of it; the same key finds it."""
    sandbox.fault("create", "lost_answer", times=1)
    with pytest.raises(requests.ConnectionError):
        post(sandbox, "/v1/payments", order(), key="lost")

    again = post(sandbox, "/v1/payments", order(), key="lost")

    assert again.status_code == 200
    assert [payment["id"] for payment in sandbox.payments()] == [again.json()["id"]]


@pytest.mark.parametrize(
    ("kind", "status", "content_type"),
    [
        ("status_429", 429, "application/json"),
        ("status_500", 500, "application/json"),
        ("status_502_html", 502, "text/html"),
        ("html", 200, "text/html"),
        ("not_json", 200, "application/json"),
        ("redirect", 302, "application/json"),
        ("not_found", 404, "application/json"),
        ("unauthorized", 401, "application/json"),
    ],
)
def test_a_wrong_answer_replaces_the_work(sandbox: SandboxServer, kind: str, status: int, content_type: str) -> None:
    """Each comes with its status and type, and nothing is done."""
    sandbox.fault("create", kind)

    answer = post_without_redirect(sandbox)

    assert answer.status_code == status
    assert answer.headers["Content-Type"].startswith(content_type)
    assert sandbox.payments() == []


def post_without_redirect(sandbox: SandboxServer) -> requests.Response:
    headers = KEY | {"Idempotency-Key": next(fresh_keys)}
    url = f"{sandbox.url}/v1/payments"
    return requests.post(url, json=order(), headers=headers, timeout=HANG_S, allow_redirects=False)


def test_faults_take_parameters(sandbox: SandboxServer) -> None:
    """Retry-After in seconds, a location of one's own, garbage that is no JSON."""
    payment_id = create(sandbox)
    sandbox.fault("status", "status_429", retry_after_s=7, times=1)
    sandbox.fault("status", "redirect", location="http://127.0.0.1:9/elsewhere", times=1)
    sandbox.fault("status", "not_json", times=1)

    assert ask(sandbox, payment_id).headers["Retry-After"] == "7"
    assert ask(sandbox, payment_id).headers["Location"] == "http://127.0.0.1:9/elsewhere"
    with pytest.raises(requests.JSONDecodeError):
        ask(sandbox, payment_id).json()


def test_oversized_is_as_long_as_asked(sandbox: SandboxServer) -> None:
    """200 with a body of `size_bytes`."""
    payment_id = create(sandbox)
    sandbox.fault("status", "oversized", size_bytes=200_000)

    assert len(ask(sandbox, payment_id).content) == 200_000


@pytest.mark.parametrize(
    ("kind", "field", "lie"),
    [
        ("wrong_amount", "amount", {"value": "13.50", "currency": "EUR"}),
        ("wrong_currency", "amount", {"value": "12.50", "currency": "USD"}),
        ("wrong_reference", "reference", "somebody-else-1"),
        ("unknown_status", "status", "levitating"),
    ],
)
def test_a_lie_is_told_but_not_believed(sandbox: SandboxServer, kind: str, field: str, lie: object) -> None:
    """In the answer and in the list; the sandbox itself remembers the truth."""
    payment_id = create(sandbox)
    truth = ask(sandbox, payment_id).json()

    sandbox.fault("any", kind)

    assert ask(sandbox, payment_id).json() == truth | {field: lie}
    assert get(sandbox, "/v1/payments").json()["payments"] == [truth | {field: lie}]
    sandbox.clear_faults()
    assert ask(sandbox, payment_id).json() == truth


def test_a_fault_knows_when_it_is_over(sandbox: SandboxServer) -> None:
    """`times` counts hits, `every` counts matching requests."""
    payment_id = create(sandbox)
    sandbox.fault("status", "status_500", times=2, every=2)

    statuses = [ask(sandbox, payment_id).status_code for _ in range(6)]

    assert statuses == [200, 500, 200, 500, 200, 200]


def test_a_fault_keeps_to_its_payment_and_place(sandbox: SandboxServer) -> None:
    """Other payments and other calls are not touched."""
    unlucky, lucky = create(sandbox), create(sandbox)
    sandbox.fault("status", "status_500", payment=unlucky)

    assert ask(sandbox, unlucky).status_code == 500
    assert ask(sandbox, lucky).status_code == 200
    assert post(sandbox, f"/v1/payments/{unlucky}/cancel", {}).status_code == 200


def test_faults_are_written_listed_and_removed_over_http(sandbox: SandboxServer) -> None:
    """One by one, or all at once."""
    made = [control(sandbox, "POST", "faults", {"where": "any", "kind": kind})["id"] for kind in KINDS]
    assert [fault["id"] for fault in control(sandbox, "GET", "faults")["faults"]] == made

    control(sandbox, "DELETE", f"faults/{made[0]}")
    assert len(control(sandbox, "GET", "faults")["faults"]) == len(KINDS) - 1
    control(sandbox, "DELETE", "faults")
    assert control(sandbox, "GET", "faults") == {"faults": []}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("faults", {"where": "status", "kind": "gremlins"}),
        ("faults", {"where": "nowhere", "kind": "hang"}),
        ("faults", {"where": "status", "kind": "delay", "delay_s": 1}),
        ("faults", {"where": "status", "kind": "delay", "every": 0}),
        ("faults", {"where": "status", "kind": "redirect", "location": "http://x/\r\nA: b"}),
        ("faults", {"self": 1}),
        ("callbacks", {"loose_every": 3}),
        ("outage", {"kind": "flood", "seconds": 1}),
        ("outage", {"kind": "hang"}),
    ],
)
def test_a_misspelt_drill_is_refused(sandbox: SandboxServer, path: str, body: Json) -> None:
    """Or it would silently test nothing."""
    assert requests.post(f"{sandbox.url}/control/{path}", json=body, timeout=HANG_S).status_code == 422


# Outages


def test_an_outage_ends_by_itself(sandbox: SandboxServer) -> None:
    """Every call of the merchant API fails for so long; buyers still get their page."""
    payment_id = create(sandbox)
    control(sandbox, "POST", "outage", {"kind": "status_500", "seconds": 2})

    assert ask(sandbox, payment_id).status_code == 500
    assert get(sandbox, "/v1/payments").status_code == 500
    assert get(sandbox, f"/pay/{payment_id}").status_code == 200
    eventually(lambda: ask(sandbox, payment_id).status_code == 200)


def test_an_outage_can_be_ended(sandbox: SandboxServer) -> None:
    """`refuse` resets every connection until then."""
    payment_id = create(sandbox)
    sandbox.outage("refuse", 60)
    with pytest.raises(requests.ConnectionError):
        ask(sandbox, payment_id)

    control(sandbox, "DELETE", "outage")

    assert ask(sandbox, payment_id).status_code == 200


def test_an_outage_can_hang(sandbox: SandboxServer) -> None:
    """No answer until it is over, and none after it."""
    payment_id = create(sandbox)
    sandbox.outage("hang", 1)

    with pytest.raises(requests.ConnectionError):
        ask(sandbox, payment_id)
    assert ask(sandbox, payment_id).status_code == 200


# What drills can see


def test_any_status_can_be_forced(sandbox: SandboxServer, shop: Shop) -> None:
    """From any other, with a callback; the same again is no change."""
    payment_id = create(sandbox, callback_url=shop.url)

    for status in ("expired", "succeeded", "succeeded"):
        assert control(sandbox, "POST", f"payments/{payment_id}", {"status": status})["status"] == status

    eventually(lambda: len(shop.events) == 2)
    assert set(shop.types) == {"payment.expired", "payment.succeeded"}


def test_the_request_log_tells_who_asked_what(sandbox: SandboxServer) -> None:
    """Calls of the merchant API with answer, fault and key; also those that got no answer."""
    payment_id = post(sandbox, "/v1/payments", order(), key="logged").json()["id"]
    sandbox.fault("status", "lost_answer")
    with pytest.raises(requests.ConnectionError):
        ask(sandbox, payment_id)

    created, asked = control(sandbox, "GET", f"requests?payment={payment_id}")["requests"]

    assert (created["method"], created["status"], created["idempotency_key"]) == ("POST", 201, "logged")
    assert (asked["path"], asked["status"], asked["fault"]) == (f"/v1/payments/{payment_id}", None, "lost_answer")
    control(sandbox, "DELETE", "requests")
    assert control(sandbox, "GET", "requests") == {"requests": []}


def test_the_numbers_add_up(sandbox: SandboxServer, shop: Shop) -> None:
    """Payments by status, requests, callbacks: in total, and per payment."""
    paid(sandbox, shop)
    create(sandbox)
    eventually(lambda: sandbox.stats()["callbacks"]["delivered"] == 1)

    stats = control(sandbox, "GET", "stats")

    assert (stats["payments"]["succeeded"], stats["payments"]["pending"], stats["requests"]) == (1, 1, 2)
    first, second = control(sandbox, "GET", "payments")["payments"]
    assert (first["callbacks"]["delivered"], second["callbacks"]["delivered"]) == (1, 0)
