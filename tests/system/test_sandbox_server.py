"""The sandbox provider over real HTTP: the merchant API, the buyer's page, callbacks, and what can go wrong."""

import hashlib
import hmac
import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import requests

from billing.sandbox import SandboxServer, courier
from billing.sandbox.faults import KINDS

Json = dict[str, Any]

KEY = {"Authorization": "Bearer sandbox-key"}
HOSTILE = "<script>alert(1)</script>\"'&$title${x}"

fresh_keys = (f"key-{number}" for number in count())


class Shop:
    """A shop that keeps every callback it gets and answers with `status`, after `pause_s`."""

    def __init__(self) -> None:
        self.events: list[Json] = []
        self.raw: list[tuple[bytes, str]] = []
        self.status, self.pause_s = 200, 0.0
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self.handler())
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}/callback?shop=1"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def handler(shop) -> type[BaseHTTPRequestHandler]:  # noqa: N805 - `self` is the handler's
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                shop.raw.append((body, self.headers["Sandbox-Signature"]))
                shop.events.append(json.loads(body))
                time.sleep(shop.pause_s)
                self.send_response(shop.status)
                self.send_header("Location", shop.url)
                self.end_headers()

            def log_message(self, *_: Any) -> None: ...

        return Handler

    @property
    def types(self) -> list[str]:
        return [event["type"] for event in self.events]

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    with SandboxServer() as server:
        yield server


@pytest.fixture
def shop() -> Iterator[Shop]:
    shop = Shop()
    yield shop
    shop.close()


@pytest.fixture
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(courier, "RETRY_AFTER_S", (0.05, 0.05, 0.05))


def order(**changes: Any) -> Json:
    return {
        "amount": {"value": "12.50", "currency": "EUR"},
        "reference": "order-7",
        "description": "Two cups",
        "return_url": "http://shop.invalid/thanks?order=7#top",
        "callback_url": "",
        **changes,
    }


def post(sandbox: SandboxServer, path: str, body: Json, key: str | None = None) -> requests.Response:
    headers = KEY | {"Idempotency-Key": key or next(fresh_keys)}
    return requests.post(sandbox.url + path, json=body, headers=headers, timeout=5)


def get(sandbox: SandboxServer, path: str, timeout: float = 5, **params: Any) -> requests.Response:
    return requests.get(sandbox.url + path, params=params, headers=KEY, timeout=timeout, allow_redirects=False)


def create(sandbox: SandboxServer, **changes: Any) -> str:
    answer = post(sandbox, "/v1/payments", order(**changes))
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def ask(sandbox: SandboxServer, payment_id: str, timeout: float = 5) -> requests.Response:
    return get(sandbox, f"/v1/payments/{payment_id}", timeout)


def press(sandbox: SandboxServer, payment_id: str, action: str, **fields: str) -> requests.Response:
    form = {"action": action, **fields}
    return requests.post(f"{sandbox.url}/pay/{payment_id}", data=form, timeout=5, allow_redirects=False)


def control(sandbox: SandboxServer, method: str, path: str, body: Json | None = None) -> Json:
    answer = requests.request(method, f"{sandbox.url}/control/{path}", json=body, timeout=5)
    assert answer.ok, answer.text
    document: Json = answer.json()
    return document


def eventually(holds: Callable[[], object], within_s: float = 5) -> None:
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


def port_of(sandbox: SandboxServer) -> int:
    return int(sandbox.url.rpartition(":")[2])


def error_code(answer: requests.Response) -> str:
    error = answer.json()["error"]
    assert error.keys() == {"code", "message"}
    return str(error["code"])


# The merchant API


def test_a_new_payment_is_pending_and_knows_where_the_buyer_pays(sandbox: SandboxServer) -> None:
    """Creating answers 201 with the whole payment."""
    answer = post(sandbox, "/v1/payments", order())

    payment = answer.json()
    assert answer.status_code == 201
    assert payment["status"] == "pending"
    assert payment["amount"] == {"value": "12.50", "currency": "EUR"}
    assert payment["pay_url"] == f"{sandbox.url}/pay/{payment['id']}"
    assert len(payment["id"]) == 25


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "sandbox-key"}])
def test_without_the_key_nothing_is_told(sandbox: SandboxServer, headers: dict[str, str]) -> None:
    """A missing or wrong key is 401, for a payment that exists as well."""
    answer = requests.get(f"{sandbox.url}/v1/payments/{create(sandbox)}", headers=headers, timeout=5)

    assert (answer.status_code, error_code(answer)) == (401, "unauthorized")


def test_the_same_request_again_makes_nothing_new(sandbox: SandboxServer) -> None:
    """Same key and same body: 200 with the payment as it is now."""
    payment_id = post(sandbox, "/v1/payments", order(), key="once").json()["id"]
    sandbox.act(payment_id, "pay")

    again = post(sandbox, "/v1/payments", order(), key="once")

    assert again.status_code == 200
    assert (again.json()["id"], again.json()["status"]) == (payment_id, "succeeded")
    assert len(sandbox.payments()) == 1


def test_a_key_is_good_for_one_request_only(sandbox: SandboxServer) -> None:
    """Same key and another body: 409, and nothing is made."""
    post(sandbox, "/v1/payments", order(), key="once")

    other = post(sandbox, "/v1/payments", order(reference="order-8"), key="once")

    assert (other.status_code, error_code(other)) == (409, "idempotency_conflict")
    assert len(sandbox.payments()) == 1


def test_a_race_with_one_key_has_one_winner(sandbox: SandboxServer) -> None:
    """Twenty equal requests at the same time make one payment."""
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: post(sandbox, "/v1/payments", order(), key="race"), range(20)))

    assert sorted(answer.status_code for answer in answers) == [200] * 19 + [201]
    assert len({answer.json()["id"] for answer in answers}) == 1


@pytest.mark.parametrize("key", ["", "x" * 65])
def test_a_payment_needs_a_key_of_proper_length(sandbox: SandboxServer, key: str) -> None:
    """No idempotency key, or one over 64 characters, is 400."""
    answer = requests.post(
        f"{sandbox.url}/v1/payments", json=order(), headers=KEY | {"Idempotency-Key": key}, timeout=5
    )

    assert (answer.status_code, error_code(answer)) == (400, "invalid_request")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"amount": "12.50"}, "amount"),
        ({"amount": {"value": 12.5, "currency": "EUR"}}, "amount.value"),
        ({"amount": {"value": "0.00", "currency": "EUR"}}, "amount.value"),
        ({"amount": {"value": "-1", "currency": "EUR"}}, "amount.value"),
        ({"amount": {"value": "1.0001", "currency": "EUR"}}, "amount.value"),
        ({"amount": {"value": "1e3", "currency": "EUR"}}, "amount.value"),
        ({"amount": {"value": "NaN", "currency": "EUR"}}, "amount.value"),
        ({"amount": {"value": "١٢", "currency": "EUR"}}, "amount.value"),
        ({"amount": {"value": "1.00", "currency": "eur"}}, "amount.currency"),
        ({"reference": ""}, "reference"),
        ({"reference": "x" * 65}, "reference"),
        ({"reference": 7}, "reference"),
        ({"description": "\ud800"}, "description"),
        ({"return_url": "javascript:alert(1)"}, "return_url"),
        ({"return_url": "http://shop.invalid/\r\nSet-Cookie: a=b"}, "return_url"),
        ({"callback_url": "ftp://shop.invalid/"}, "callback_url"),
        ({"callback_url": "http://shop.invalid:99999/"}, "callback_url"),
        ({"expires_in_s": 0}, "expires_in_s"),
        ({"expires_in_s": True}, "expires_in_s"),
        ({"expires_in_s": "60"}, "expires_in_s"),
    ],
)
def test_a_wrong_field_is_named(sandbox: SandboxServer, changes: Json, field: str) -> None:
    """Whatever does not fit is 422, the message begins with the field, and the key stays free."""
    answer = post(sandbox, "/v1/payments", order(**changes), key="free")

    assert (answer.status_code, error_code(answer)) == (422, "invalid_request")
    assert answer.json()["error"]["message"].split()[0] == field
    assert post(sandbox, "/v1/payments", order(), key="free").status_code == 201


@pytest.mark.parametrize("body", [b"{", b"[]", b"\xff", b"[" * 60_000])
def test_a_body_that_is_no_object_is_refused(sandbox: SandboxServer, body: bytes) -> None:
    """Broken JSON is 400, never a crash."""
    answer = requests.post(f"{sandbox.url}/v1/payments", data=body, headers=KEY, timeout=5)

    assert (answer.status_code, error_code(answer)) == (400, "invalid_json")


def test_a_huge_body_is_refused(sandbox: SandboxServer) -> None:
    """More than 64 kB is 413, and the answer arrives although the body was not wanted."""
    answer = post(sandbox, "/v1/payments", order(description="x" * 2_000_000))

    assert (answer.status_code, error_code(answer)) == (413, "too_large")


def test_a_chunked_body_is_refused(sandbox: SandboxServer) -> None:
    """A body without a length is 411: it is never taken for an empty one."""
    answer = requests.post(f"{sandbox.url}/v1/payments", data=iter([b"{}"]), headers=KEY, timeout=5)

    assert (answer.status_code, error_code(answer)) == (411, "length_required")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/payments/sb_unknown", 404),
        ("GET", "/v1/refunds/re_unknown", 404),
        ("GET", "/v2/payments", 404),
        ("DELETE", "/v1/payments", 405),
        ("PATCH", "/v1/payments", 501),
    ],
)
def test_refusals_are_json(sandbox: SandboxServer, method: str, path: str, status: int) -> None:
    """Even what the HTTP library refuses by itself has the one shape of errors."""
    answer = requests.request(method, sandbox.url + path, headers=KEY, timeout=5)

    assert answer.status_code == status
    assert error_code(answer)


def test_one_connection_serves_many_requests(sandbox: SandboxServer) -> None:
    """Connections are kept alive, after a refusal too."""
    with closing(HTTPConnection("127.0.0.1", port_of(sandbox), timeout=5)) as line:
        line.connect()
        line.auto_open = 0  # no second connection in secret

        for path, status in (("/v1/payments/none", 404), ("/v1/nothing", 404), ("/healthz", 200)):
            line.request("GET", path, headers=KEY)
            answer = line.getresponse()
            assert (answer.status, bool(answer.read())) == (status, True)


def test_the_list_is_walked_page_by_page(sandbox: SandboxServer) -> None:
    """`next` leads through all payments, oldest first, each once."""
    made = [create(sandbox) for _ in range(5)]

    seen: list[str] = []
    after: str | None = ""
    while after is not None:
        page = get(sandbox, "/v1/payments", limit=2, after=after).json()
        seen += [payment["id"] for payment in page["payments"]]
        after = page["next"]

    assert seen == made


def test_the_list_can_be_narrowed(sandbox: SandboxServer) -> None:
    """`created_from` is included, `created_to` is not; a reference finds its payments."""
    create(sandbox)
    wanted = create(sandbox, reference="order-8")
    moment = ask(sandbox, wanted).json()["created_at"]

    def found(**params: Any) -> list[str]:
        return [payment["id"] for payment in get(sandbox, "/v1/payments", **params).json()["payments"]]

    assert found(created_from=moment) == [wanted]
    assert wanted not in found(created_to=moment)
    assert found(reference="order-8") == [wanted]
    assert found(reference="order-9") == []


@pytest.mark.parametrize("params", [{"limit": "0"}, {"limit": "101"}, {"limit": "9" * 5000}, {"created_from": "now"}])
def test_a_senseless_search_is_refused(sandbox: SandboxServer, params: Json) -> None:
    """A wrong limit or time is 422, not an empty list."""
    assert get(sandbox, "/v1/payments", **params).status_code == 422


# Cancel, expire, refund


@pytest.mark.parametrize("status", ["pending", "authorized"])
def test_an_open_payment_can_be_canceled(sandbox: SandboxServer, status: str) -> None:
    """Canceling twice is the same as once."""
    payment_id = create(sandbox)
    sandbox.force(payment_id, status)

    for _ in range(2):
        answer = post(sandbox, f"/v1/payments/{payment_id}/cancel", {})
        assert (answer.status_code, answer.json()["status"]) == (200, "canceled")
        assert answer.json()["reason"] == "canceled_by_merchant"


@pytest.mark.parametrize("status", ["succeeded", "failed", "expired"])
def test_a_finished_payment_cannot_be_canceled(sandbox: SandboxServer, status: str) -> None:
    """409, and the message says what the payment is instead."""
    payment_id = create(sandbox)
    sandbox.force(payment_id, status)

    answer = post(sandbox, f"/v1/payments/{payment_id}/cancel", {})

    assert (answer.status_code, error_code(answer)) == (409, "not_cancelable")
    assert status in answer.json()["error"]["message"]


def test_a_payment_expires_at_the_look(sandbox: SandboxServer) -> None:
    """Whoever asks after the window sees `expired`, and the buyer can no longer pay."""
    payment_id = create(sandbox, expires_in_s=0.02)
    time.sleep(0.03)

    assert ask(sandbox, payment_id).json()["status"] == "expired"
    assert "not paid in time" in press(sandbox, payment_id, "pay").text


def test_a_payment_expires_unasked(sandbox: SandboxServer, shop: Shop) -> None:
    """The shop gets one callback although nobody looked."""
    create(sandbox, expires_in_s=0.1, callback_url=shop.url)

    eventually(lambda: shop.types == ["payment.expired"])
    time.sleep(0.3)
    assert shop.types == ["payment.expired"]


def refund(sandbox: SandboxServer, payment_id: str, value: str, key: str | None = None) -> requests.Response:
    body = {"amount": {"value": value, "currency": "EUR"}}
    return post(sandbox, f"/v1/payments/{payment_id}/refunds", body, key)


def test_a_refund_shows_on_the_payment(sandbox: SandboxServer) -> None:
    """A repeated key refunds once, and the refund can be looked up."""
    payment_id = create(sandbox)
    sandbox.act(payment_id, "pay")

    first, again = (refund(sandbox, payment_id, "2.50", key="refund-1") for _ in range(2))

    assert (first.status_code, again.status_code) == (201, 200)
    assert get(sandbox, f"/v1/refunds/{first.json()['id']}").json() == again.json() == first.json()
    assert first.json()["status"] == "succeeded"
    assert ask(sandbox, payment_id).json()["refunded_amount"] == {"value": "2.50", "currency": "EUR"}


def test_never_more_is_refunded_than_was_paid(sandbox: SandboxServer) -> None:
    """The sum of all refunds counts."""
    payment_id = create(sandbox)
    sandbox.act(payment_id, "pay")

    statuses = [refund(sandbox, payment_id, value).status_code for value in ("10.00", "2.51", "2.50", "0.01")]

    assert statuses == [201, 409, 201, 409]


def test_only_a_paid_payment_is_refunded(sandbox: SandboxServer) -> None:
    """Pending: 409; another currency: 422; a key that made a payment: 409."""
    payment_id = post(sandbox, "/v1/payments", order(), key="used").json()["id"]
    assert error_code(refund(sandbox, payment_id, "1.00")) == "not_refundable"

    sandbox.act(payment_id, "pay")
    body = {"amount": {"value": "1.00", "currency": "USD"}}
    assert post(sandbox, f"/v1/payments/{payment_id}/refunds", body).status_code == 422
    assert error_code(refund(sandbox, payment_id, "1.00", key="used")) == "idempotency_conflict"


def test_a_refund_may_take_its_time_and_may_fail(sandbox: SandboxServer) -> None:
    """A pending one holds its sum and has given nothing; one that fails frees it again."""
    payment_id = create(sandbox)
    sandbox.act(payment_id, "pay")
    control(sandbox, "POST", "refunds", {"status": "pending"})
    pending = refund(sandbox, payment_id, "10.00").json()
    assert pending["status"] == "pending"
    assert "refunded_amount" not in ask(sandbox, payment_id).json()
    assert error_code(refund(sandbox, payment_id, "2.51")) == "too_much"

    control(sandbox, "POST", f"refunds/{pending['id']}", {"status": "succeeded"})
    assert ask(sandbox, payment_id).json()["refunded_amount"]["value"] == "10.00"
    control(sandbox, "POST", f"refunds/{pending['id']}", {"status": "failed", "reason": "account_closed"})

    assert get(sandbox, f"/v1/refunds/{pending['id']}").json()["reason"] == "account_closed"
    assert "refunded_amount" not in ask(sandbox, payment_id).json()
    assert refund(sandbox, payment_id, "12.50").status_code == 201
    assert [each["status"] for each in control(sandbox, "GET", "refunds")["refunds"]] == ["failed", "pending"]


def test_money_is_given_back_in_the_providers_own_pages(sandbox: SandboxServer) -> None:
    """The shop's program is not asked, and the same limit holds."""
    payment_id = create(sandbox)
    sandbox.act(payment_id, "pay")
    amount = {"amount": {"value": "2.50", "currency": "EUR"}}

    assert control(sandbox, "POST", f"payments/{payment_id}/refunds", amount)["status"] == "succeeded"
    assert ask(sandbox, payment_id).json()["refunded_amount"]["value"] == "2.50"
    too_much = {"amount": {"value": "10.01", "currency": "EUR"}}
    address = f"{sandbox.url}/control/payments/{payment_id}/refunds"
    assert requests.post(address, json=too_much, timeout=5).status_code == 409


def test_another_sum_can_be_taken_than_was_asked_for(sandbox: SandboxServer) -> None:
    """The books have what was taken, and so much can be given back."""
    payment_id = create(sandbox)
    amount = {"value": "20.00", "currency": "EUR"}

    forced = control(sandbox, "POST", f"payments/{payment_id}", {"status": "succeeded", "amount": amount})

    assert forced["amount"] == ask(sandbox, payment_id).json()["amount"] == amount
    assert refund(sandbox, payment_id, "20.00").status_code == 201


# The buyer's page


@pytest.mark.parametrize(
    ("action", "status", "reason"),
    [
        ("pay", "succeeded", ""),
        ("authorize", "authorized", ""),
        ("decline", "failed", "card_declined"),
        ("cancel", "canceled", "canceled_by_buyer"),
    ],
)
def test_each_button_leads_back_to_the_shop(sandbox: SandboxServer, action: str, status: str, reason: str) -> None:
    """303 to the return address, the payment's id added to its query."""
    payment_id = create(sandbox)

    answer = press(sandbox, payment_id, action)

    assert answer.status_code == 303
    assert answer.headers["Location"] == f"http://shop.invalid/thanks?order=7&payment={payment_id}#top"
    payment = ask(sandbox, payment_id).json()
    assert (payment["status"], payment["reason"]) == (status, reason)


def test_the_buyer_may_close_the_tab(sandbox: SandboxServer) -> None:
    """With `stay` there is no way back to the shop, but the payment is made."""
    payment_id = create(sandbox)

    answer = press(sandbox, payment_id, "pay", stay="1")

    assert answer.status_code == 200
    assert "You can close this tab" in answer.text
    assert ask(sandbox, payment_id).json()["status"] == "succeeded"


def test_a_second_press_changes_nothing(sandbox: SandboxServer) -> None:
    """A finished payment is final for the buyer, and its page says so."""
    payment_id = create(sandbox)
    press(sandbox, payment_id, "decline")

    answer = press(sandbox, payment_id, "pay")

    assert "This payment was declined" in answer.text
    assert "<button" not in answer.text
    assert ask(sandbox, payment_id).json()["status"] == "failed"


def test_an_unknown_button_changes_nothing(sandbox: SandboxServer) -> None:
    """Only the four buttons count."""
    payment_id = create(sandbox)

    assert press(sandbox, payment_id, "steal").status_code == 422
    assert ask(sandbox, payment_id).json()["status"] == "pending"


def test_pages_show_hostile_text_as_text(sandbox: SandboxServer) -> None:
    """Nothing that a shop sends becomes markup or a placeholder."""
    payment_id = create(sandbox, reference=HOSTILE, description=HOSTILE)

    for path in ("/", f"/pay/{payment_id}"):
        page = get(sandbox, path).text
        assert "<script" not in page
        assert "&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#x27;&amp;$title${x}" in page


def test_the_pay_page_needs_nothing_from_elsewhere(sandbox: SandboxServer) -> None:
    """No script, no asset, a language, a headline, and the note that no money moves."""
    answer = get(sandbox, f"/pay/{create(sandbox)}")

    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    for part in ('lang="en"', "<h1>Sandbox bank</h1>", "no money moves", "12.50 EUR", "Two cups", "order-7"):
        assert part in answer.text
    for part in ("<script", "src=", "<link", "@import", "url("):
        assert part not in answer.text


def test_a_wrong_link_is_explained(sandbox: SandboxServer) -> None:
    """An unknown payment is a page with 404, for people."""
    answer = get(sandbox, "/pay/sb_unknown")

    assert answer.status_code == 404
    assert answer.headers["Content-Type"].startswith("text/html")


def test_health_is_answered_without_a_key(sandbox: SandboxServer) -> None:
    """200 while the sandbox is up, during an outage of its API too."""
    sandbox.outage("refuse", 60)

    assert requests.get(f"{sandbox.url}/healthz", timeout=5).status_code == 200


# Callbacks


def paid(sandbox: SandboxServer, shop: Shop) -> str:
    payment_id = create(sandbox, callback_url=shop.url)
    sandbox.act(payment_id, "pay")
    return payment_id


def signature_is_good(body: bytes, header: str) -> bool:
    moment, _, given = header.removeprefix("t=").partition(",v1=")
    wanted = hmac.new(b"sandbox-secret", f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(given, wanted) and abs(time.time() - int(moment)) < 10


def test_a_change_of_status_is_told_and_signed(sandbox: SandboxServer, shop: Shop) -> None:
    """The callback carries the whole payment, and a signature over time and body."""
    payment_id = paid(sandbox, shop)

    eventually(lambda: shop.events)
    (event,) = shop.events
    assert event["id"].startswith("evt_")
    assert event["type"] == "payment.succeeded"
    assert event["payment"] == ask(sandbox, payment_id).json()
    assert signature_is_good(*shop.raw[0])


def test_every_third_callback_is_lost(sandbox: SandboxServer, shop: Shop) -> None:
    """Counted over all payments; what is lost never comes."""
    sandbox.callbacks(lose_every=3)

    made = [paid(sandbox, shop) for _ in range(6)]

    eventually(lambda: len(shop.events) == 4)
    time.sleep(0.1)
    assert {event["payment"]["id"] for event in shop.events} == {*made[:2], *made[3:5]}
    assert sandbox.stats()["callbacks"]["lost"] == 2


def test_every_callback_can_be_lost(sandbox: SandboxServer, shop: Shop) -> None:
    """Until a new rule is set."""
    sandbox.callbacks(lose_all=True)
    paid(sandbox, shop)
    sandbox.callbacks()
    kept = paid(sandbox, shop)

    eventually(lambda: [event["payment"]["id"] for event in shop.events] == [kept])


def test_a_callback_can_come_twice(sandbox: SandboxServer, shop: Shop) -> None:
    """Both have the same event id, as with a provider that repeats itself."""
    sandbox.callbacks(duplicate_every=1)

    payment_id = paid(sandbox, shop)

    eventually(lambda: len(shop.events) == 2)
    assert shop.events[0] == shop.events[1]
    assert sandbox.payments()[0]["callbacks"]["duplicated"] == 1
    assert sandbox.payments()[0]["id"] == payment_id


def test_a_callback_can_be_late(sandbox: SandboxServer, shop: Shop) -> None:
    """Not before `late_s`, and then as usual."""
    sandbox.callbacks(late_every=1, late_s=0.3)
    begin = time.monotonic()

    paid(sandbox, shop)

    eventually(lambda: shop.events)
    assert time.monotonic() - begin >= 0.3


def test_callbacks_can_overtake_each_other(sandbox: SandboxServer, shop: Shop) -> None:
    """With `reorder` the newest of one payment comes first."""
    sandbox.callbacks(reorder=True, late_s=0.2)
    payment_id = create(sandbox, callback_url=shop.url)

    for status in ("authorized", "succeeded", "canceled"):
        sandbox.force(payment_id, status)

    eventually(lambda: len(shop.events) == 3)
    assert shop.types == ["payment.canceled", "payment.succeeded", "payment.authorized"]


def test_lost_wins_over_duplicated_over_late(sandbox: SandboxServer, shop: Shop) -> None:
    """Each callback has one fate."""
    sandbox.callbacks(lose_every=4, duplicate_every=2, late_every=1, late_s=0)

    for _ in range(4):
        paid(sandbox, shop)

    eventually(lambda: sandbox.stats()["callbacks"]["delivered"] == 4)
    counts = sandbox.stats()["callbacks"]
    assert (counts["lost"], counts["duplicated"], counts["late"]) == (1, 1, 2)


@pytest.mark.usefixtures("quick_retries")
@pytest.mark.parametrize("refusal", [500, 404, 302])
def test_a_refused_callback_comes_again(sandbox: SandboxServer, shop: Shop, refusal: int) -> None:
    """Until it is accepted with 2xx; a redirect is not followed."""
    shop.status = refusal
    paid(sandbox, shop)
    eventually(lambda: len(shop.events) >= 3)

    shop.status = 204
    eventually(lambda: sandbox.stats()["callbacks"]["delivered"] == 1)

    assert len({event["id"] for event in shop.events}) == 1
    assert sandbox.stats()["callbacks"]["waiting"] == 0


def test_a_hanging_shop_blocks_nobody(sandbox: SandboxServer, shop: Shop) -> None:
    """Neither the API nor the callbacks of another shop."""
    slow = Shop()
    slow.pause_s = 2
    for _ in range(3):
        paid(sandbox, slow)
    begin = time.monotonic()

    paid(sandbox, shop)

    eventually(lambda: shop.events)
    assert time.monotonic() - begin < 1
    slow.close()


@pytest.mark.parametrize("signed", [False, True])
def test_a_forged_callback_lies_about_the_status(sandbox: SandboxServer, shop: Shop, signed: bool) -> None:
    """The payment itself stays as it is; the signature is good only when asked for."""
    payment_id = create(sandbox, callback_url=shop.url)

    control(sandbox, "POST", "forge", {"payment": payment_id, "type": "payment.succeeded", "signed": signed})

    eventually(lambda: shop.events)
    assert shop.events[0]["payment"]["status"] == "succeeded"
    assert signature_is_good(*shop.raw[0]) is signed
    assert ask(sandbox, payment_id).json()["status"] == "pending"


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
    sandbox.fault("status", "drip", drip_ms=1)
    begin = time.monotonic()

    assert ask(sandbox, payment_id, timeout=0.2).json()["id"] == payment_id
    assert time.monotonic() - begin > 0.4


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
    return requests.post(url, json=order(), headers=headers, timeout=5, allow_redirects=False)


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
    assert requests.post(f"{sandbox.url}/control/{path}", json=body, timeout=5).status_code == 422


# Outages


def test_an_outage_ends_by_itself(sandbox: SandboxServer) -> None:
    """Every call of the merchant API fails for so long; buyers still get their page."""
    payment_id = create(sandbox)
    control(sandbox, "POST", "outage", {"kind": "status_500", "seconds": 0.3})

    assert ask(sandbox, payment_id).status_code == 500
    assert get(sandbox, "/v1/payments").status_code == 500
    assert get(sandbox, f"/pay/{payment_id}").status_code == 200
    eventually(lambda: ask(sandbox, payment_id).status_code == 200, within_s=2)


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
    sandbox.outage("hang", 0.3)

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


# Start, stop, restart


def test_everything_important_survives_a_restart(shop: Shop, tmp_path: Path) -> None:
    """Payments, refunds, keys, order and counters, all from the file."""
    database = tmp_path / "deep" / "sandbox.sqlite3"
    with SandboxServer(database=database) as before:
        made = [create(before) for _ in range(2)]
        keyed = post(before, "/v1/payments", order(callback_url=shop.url), key="kept").json()["id"]
        before.act(keyed, "pay")
        refund_id = refund(before, keyed, "1.00").json()["id"]
        eventually(lambda: before.stats()["callbacks"]["delivered"] == 1)

    with SandboxServer(database=database) as after:
        assert [payment["id"] for payment in after.payments()] == [*made, keyed]
        assert post(after, "/v1/payments", order(callback_url=shop.url), key="kept").json()["id"] == keyed
        assert ask(after, keyed).json()["refunded_amount"]["value"] == "1.00"
        assert get(after, f"/v1/refunds/{refund_id}").status_code == 200
        assert after.stats()["callbacks"]["delivered"] == 1
    assert len(shop.events) == 1


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
        create(before, expires_in_s=0.2, callback_url=shop.url)
    time.sleep(0.3)

    with SandboxServer(database=tmp_path / "sandbox.sqlite3"):
        eventually(lambda: shop.types == ["payment.expired"])


def test_stopping_waits_for_nobody(shop: Shop) -> None:
    """Hanging, dripping and idle callers, and a hanging shop, are cut off within a second."""
    shop.pause_s = 3
    with SandboxServer() as sandbox, ThreadPoolExecutor(2) as pool, requests.Session() as idle:
        payment_id = paid(sandbox, shop)
        idle.get(f"{sandbox.url}/healthz", timeout=5)
        for kind, path in (("hang", "status"), ("drip", "list")):
            sandbox.fault(path, kind)
        calls = [pool.submit(ask, sandbox, payment_id), pool.submit(get, sandbox, "/v1/payments")]
        eventually(lambda: len(sandbox.requests()) == 3 and shop.events)
        begin = time.monotonic()

        sandbox.stop()

        assert time.monotonic() - begin < 1
        assert all(isinstance(call.exception(2), requests.RequestException) for call in calls)
        with pytest.raises(requests.ConnectionError):
            idle.get(f"{sandbox.url}/healthz", timeout=5)


def run_sandbox(*options: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "billing.sandbox", *options]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_program_cleanly(number: signal.Signals) -> None:
    """Exit status 0 and nothing on stderr."""
    with run_sandbox("--port", "0") as process:
        assert process.stdout
        assert "http://127.0.0.1:" in process.stdout.readline()

        process.send_signal(number)

        _, complaints = process.communicate(timeout=5)
        assert (process.returncode, complaints) == (0, "")


def test_a_taken_port_is_one_clear_sentence(sandbox: SandboxServer) -> None:
    """Exit status 1, no traceback."""
    port = port_of(sandbox)

    with run_sandbox("--port", str(port)) as process:
        _, complaints = process.communicate(timeout=5)

    assert process.returncode == 1
    assert complaints.startswith(f"The sandbox cannot start on 127.0.0.1:{port}:")
    assert complaints.count("\n") == 1


def test_the_sandbox_is_a_stranger() -> None:
    """It loads nothing of Django and nothing of the shop."""
    program = (
        "import sys, billing.sandbox; print([name for name in sys.modules if name.startswith(('django', 'bill'))])"
    )

    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=20)

    names = set(json.loads(loaded.stdout.replace("'", '"')))
    assert {name for name in names if not name.startswith("billing.sandbox")} == {"billing"}
