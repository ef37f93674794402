"""The merchant API of the sandbox provider: payments, lists, cancelling, refunds."""

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from typing import Any

import pytest
import requests

from billing.sandbox import SandboxServer
from tests.merchants import (
    KEY,
    Json,
    Shop,
    ask,
    control,
    create,
    error_code,
    eventually,
    get,
    order,
    paid,
    port_of,
    post,
    press,
    refund,
)
from tests.stack.ports import HANG_S

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
    answer = requests.get(f"{sandbox.url}/v1/payments/{create(sandbox)}", headers=headers, timeout=HANG_S)

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
        f"{sandbox.url}/v1/payments", json=order(), headers=KEY | {"Idempotency-Key": key}, timeout=HANG_S
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
    assert answer.json()["error"]["parameter"] == field
    assert post(sandbox, "/v1/payments", order(), key="free").status_code == 201


@pytest.mark.parametrize("body", [b"{", b"[]", b"\xff", b"[" * 60_000])
def test_a_body_that_is_no_object_is_refused(sandbox: SandboxServer, body: bytes) -> None:
    """Broken JSON is 400, never a crash."""
    answer = requests.post(f"{sandbox.url}/v1/payments", data=body, headers=KEY, timeout=HANG_S)

    assert (answer.status_code, error_code(answer)) == (400, "invalid_json")


def test_a_huge_body_is_refused(sandbox: SandboxServer) -> None:
    """More than 64 kB is 413, and the answer arrives although the body was not wanted."""
    answer = post(sandbox, "/v1/payments", order(description="x" * 2_000_000))

    assert (answer.status_code, error_code(answer)) == (413, "too_large")


def test_a_chunked_body_is_refused(sandbox: SandboxServer) -> None:
    """A body without a length is 411: it is never taken for an empty one."""
    answer = requests.post(f"{sandbox.url}/v1/payments", data=iter([b"{}"]), headers=KEY, timeout=HANG_S)

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
    answer = requests.request(method, sandbox.url + path, headers=KEY, timeout=HANG_S)

    assert answer.status_code == status
    assert error_code(answer)


def test_one_connection_serves_many_requests(sandbox: SandboxServer) -> None:
    """Connections are kept alive, after a refusal too."""
    with closing(HTTPConnection("127.0.0.1", port_of(sandbox), timeout=HANG_S)) as line:
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


# Cancel, work, expire, forget, refund


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


@pytest.mark.parametrize(("end", "reason"), [("succeeded", ""), ("failed", "transfer_refused")])
def test_a_transfer_takes_its_time_and_ends_either_way(sandbox: SandboxServer, end: str, reason: str) -> None:
    """Until then the payment is pending and working: the shop cannot cancel it, and it does not expire."""
    payment_id = create(sandbox)
    sandbox.act(payment_id, "transfer")
    sandbox.ledger.expire_due(datetime.now(UTC) + timedelta(days=30))

    canceled = post(sandbox, f"/v1/payments/{payment_id}/cancel", {})
    assert (canceled.status_code, error_code(canceled)) == (409, "not_cancelable")
    assert "with the bank" in canceled.json()["error"]["message"]
    payment = ask(sandbox, payment_id).json()
    assert (payment["status"], payment["working"]) == ("pending", True)

    control(sandbox, "POST", f"payments/{payment_id}", {"status": end, "reason": reason})

    payment = ask(sandbox, payment_id).json()
    assert (payment["status"], payment["reason"], "working" in payment) == (end, reason, False)


def test_a_transfer_can_be_taken_back(sandbox: SandboxServer, shop: Shop) -> None:
    """Forced to pending, the payment is open again, and every step has its callback."""
    payment_id = create(sandbox, callback_url=shop.url)
    sandbox.act(payment_id, "transfer")
    eventually(lambda: len(shop.events) == 1)

    sandbox.force(payment_id, "pending")

    eventually(lambda: len(shop.events) == 2)
    assert ["working" in event["payment"] for event in shop.events] == [True, False]
    assert press(sandbox, payment_id, "pay").status_code == 303


def test_a_payment_has_a_charge_once_it_is_paid(sandbox: SandboxServer) -> None:
    """Each its own, and always the same."""
    payments = [create(sandbox), create(sandbox)]
    assert "charge" not in ask(sandbox, payments[0]).json()

    charges = [sandbox.act(payment_id, "pay")["charge"] for payment_id in payments]

    assert all(charge.startswith("ch_") for charge in charges)
    assert charges == [ask(sandbox, payment_id).json()["charge"] for payment_id in payments]
    assert charges[0] != charges[1]


def test_an_unpaid_payment_can_be_forgotten(sandbox: SandboxServer) -> None:
    """As if it had never been: it is not found, its key makes a new one, and nothing breaks when its window ends."""
    forgotten = post(sandbox, "/v1/payments", order(), key="used").json()["id"]

    control(sandbox, "DELETE", f"payments/{forgotten}")

    sandbox.ledger.expire_due(datetime.now(UTC) + timedelta(days=30))
    kept = create(sandbox)
    assert error_code(ask(sandbox, forgotten)) == "not_found"
    assert error_code(post(sandbox, f"/v1/payments/{forgotten}/cancel", {})) == "not_found"
    assert [each["id"] for each in get(sandbox, "/v1/payments").json()["payments"]] == [kept]
    assert post(sandbox, "/v1/payments", order(), key="used").json()["id"] != forgotten


@pytest.mark.parametrize("action", ["pay", "authorize", "transfer"])
def test_a_payment_with_money_is_not_forgotten(sandbox: SandboxServer, action: str) -> None:
    """No provider does that."""
    payment_id = create(sandbox)
    sandbox.act(payment_id, action)

    answer = requests.delete(f"{sandbox.url}/control/payments/{payment_id}", timeout=HANG_S)

    assert (answer.status_code, error_code(answer)) == (409, "not_forgettable")
    assert ask(sandbox, payment_id).status_code == 200


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


def test_the_shop_hears_of_a_refund_what_no_answer_has_told_it(sandbox: SandboxServer, shop: Shop) -> None:
    """Not of a refund that it has just made, but of each new status: of the bank that returns the money too."""
    payment_id = paid(sandbox, shop)
    charge = ask(sandbox, payment_id).json()["charge"]
    control(sandbox, "POST", "refunds", {"status": "pending"})
    refund_id = refund(sandbox, payment_id, "10.00").json()["id"]

    for status in ("succeeded", "succeeded", "failed"):
        sandbox.force_refund(refund_id, status)

    eventually(lambda: len(shop.events) == 3)
    events = sorted(shop.events, key=lambda event: str(event["created_at"]))
    assert [event["type"] for event in events] == ["payment.succeeded", "refund.succeeded", "refund.failed"]
    assert [event["refund"]["id"] for event in events[1:]] == [refund_id, refund_id]
    assert [event["refund"]["charge"] for event in events[1:]] == [charge, charge]
    assert [event["payment"].get("refunded_amount", {}).get("value") for event in events] == [None, "10.00", None]


def test_the_list_of_refunds_has_the_times_at_which_they_were_made(sandbox: SandboxServer) -> None:
    """Whatever payment they belong to; in pages, and narrowed like the list of payments."""
    made = []
    for _ in range(3):
        payment_id = create(sandbox)
        sandbox.act(payment_id, "pay")
        made.append(refund(sandbox, payment_id, "1.00").json())

    def found(**params: Any) -> list[Json]:
        refunds: list[Json] = get(sandbox, "/v1/refunds", **params).json()["refunds"]
        return refunds

    assert found() == made
    assert found(created_from=made[1]["created_at"]) == made[1:]
    assert found(created_to=made[1]["created_at"]) == made[:1]
    assert found(limit=1, after=made[0]["id"]) == [made[1]]
    assert get(sandbox, "/v1/refunds", limit=2).json()["next"] == made[1]["id"]
    assert get(sandbox, "/v1/refunds", after="re_unknown").status_code == 404


@pytest.mark.parametrize("callback", [False, True])
def test_the_shop_may_or_may_not_hear_of_a_refund_by_hand(sandbox: SandboxServer, shop: Shop, callback: bool) -> None:
    """Providers differ."""
    payment_id = paid(sandbox, shop)
    body = {"amount": {"value": "2.50", "currency": "EUR"}, "callback": callback}

    made = control(sandbox, "POST", f"payments/{payment_id}/refunds", body)
    sandbox.force(payment_id, "failed")

    eventually(lambda: "payment.failed" in shop.types)
    eventually(lambda: sandbox.stats()["callbacks"]["waiting"] == 0)
    told = [event["refund"]["id"] for event in shop.events if event["type"] == "refund.succeeded"]
    assert told == ([made["id"]] if callback else [])


def test_money_is_given_back_in_the_providers_own_pages(sandbox: SandboxServer) -> None:
    """The shop's program is not asked, and the same limit holds."""
    payment_id = create(sandbox)
    sandbox.act(payment_id, "pay")
    amount = {"amount": {"value": "2.50", "currency": "EUR"}}

    assert control(sandbox, "POST", f"payments/{payment_id}/refunds", amount)["status"] == "succeeded"
    assert ask(sandbox, payment_id).json()["refunded_amount"]["value"] == "2.50"
    too_much = {"amount": {"value": "10.01", "currency": "EUR"}}
    address = f"{sandbox.url}/control/payments/{payment_id}/refunds"
    assert requests.post(address, json=too_much, timeout=HANG_S).status_code == 409


def test_another_sum_can_be_taken_than_was_asked_for(sandbox: SandboxServer) -> None:
    """The books have what was taken, and so much can be given back."""
    payment_id = create(sandbox)
    amount = {"value": "20.00", "currency": "EUR"}

    forced = control(sandbox, "POST", f"payments/{payment_id}", {"status": "succeeded", "amount": amount})

    assert forced["amount"] == ask(sandbox, payment_id).json()["amount"] == amount
    assert refund(sandbox, payment_id, "20.00").status_code == 201
