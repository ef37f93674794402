"""Disputes at the sandbox provider: the buyer's bank takes money back, and decides."""

from decimal import Decimal
from typing import Any

import pytest
import requests

from billing.sandbox import SandboxServer
from tests.merchants import Json, Shop, ask, control, create, error_code, eventually, get, paid, refund
from tests.stack.ports import HANG_S


def disputed(sandbox: SandboxServer, **fields: object) -> Json:
    """A new dispute of a new payment of 12.50 EUR."""
    payment_id = create(sandbox)
    sandbox.act(payment_id, "pay")
    return control(sandbox, "POST", f"payments/{payment_id}/disputes", fields)


def listed(sandbox: SandboxServer, **params: Any) -> list[Json]:
    disputes: list[Json] = get(sandbox, "/v1/disputes", **params).json()["disputes"]
    return disputes


def test_a_dispute_has_all_that_the_shop_must_know(sandbox: SandboxServer) -> None:
    """What is demanded, why, until when to answer, what it costs; and its payment says that there is one."""
    dispute = disputed(sandbox, due_in_s=3600)

    payment = ask(sandbox, dispute["payment_id"]).json()
    assert payment["disputed"] is True
    assert dispute["charge"] == payment["charge"]
    assert (dispute["status"], dispute["reason"], dispute["inquiry"]) == ("open", "fraudulent", False)
    assert dispute["amount"] == payment["amount"]
    assert dispute["fee"] == {"value": "15", "currency": "EUR"}
    assert dispute["created_at"] < dispute["evidence_due_at"]
    assert listed(sandbox, payment=dispute["payment_id"]) == [dispute]


def test_every_status_may_follow_every_other_and_is_told(sandbox: SandboxServer, shop: Shop) -> None:
    """The bank may change its mind; each callback carries the payment and the dispute."""
    payment_id = paid(sandbox, shop)
    dispute = sandbox.dispute(payment_id)
    statuses = ["review", "won", "lost", "open", "lost", "won", "review", "open", "won", "open", "review", "lost"]

    for status in statuses:
        assert control(sandbox, "POST", f"disputes/{dispute['id']}", {"status": status})["status"] == status

    eventually(lambda: len(shop.events) == 2 + len(statuses))
    told = sorted((event for event in shop.events if "dispute" in event), key=lambda event: str(event["created_at"]))
    assert [event["dispute"]["status"] for event in told] == ["open", *statuses]
    kinds = {"open": "dispute.updated", "review": "dispute.updated", "won": "dispute.won", "lost": "dispute.lost"}
    assert [event["type"] for event in told] == ["dispute.opened", *(kinds[status] for status in statuses)]
    assert {event["payment"]["id"] for event in told} == {payment_id}


@pytest.mark.parametrize(
    ("status", "inquiry", "left"),
    [("open", False, "2.50"), ("review", False, "2.50"), ("lost", False, "2.50"), ("won", False, "12.50")]
    + [(status, True, "12.50") for status in ("open", "lost", "won")],
)
def test_what_is_disputed_cannot_be_refunded(sandbox: SandboxServer, status: str, inquiry: bool, left: str) -> None:
    """Unless the shop has won it, or the bank only asks."""
    dispute = disputed(sandbox, amount={"value": "10.00", "currency": "EUR"}, inquiry=inquiry)
    sandbox.force_dispute(dispute["id"], status)

    assert error_code(refund(sandbox, dispute["payment_id"], str(Decimal(left) + Decimal("0.01")))) == "too_much"
    assert refund(sandbox, dispute["payment_id"], left).status_code == 201


def test_a_bank_does_not_ask_what_was_refunded(sandbox: SandboxServer) -> None:
    """The buyer may have the same money twice."""
    payment_id = create(sandbox)
    sandbox.act(payment_id, "pay")
    refund(sandbox, payment_id, "12.50")

    assert sandbox.dispute(payment_id)["amount"]["value"] == "12.50"


@pytest.mark.parametrize(
    ("action", "fields", "status"),
    [
        ("authorize", {}, 409),
        ("pay", {"amount": {"value": "12.51", "currency": "EUR"}}, 422),
        ("pay", {"amount": {"value": "1.00", "currency": "USD"}}, 422),
        ("pay", {"inquiry": "yes"}, 422),
        ("pay", {"due_in_s": -1}, 422),
    ],
)
def test_only_paid_money_is_disputed(sandbox: SandboxServer, action: str, fields: Json, status: int) -> None:
    """No more than came, in its currency; a refused one leaves no trace."""
    payment_id = create(sandbox)
    sandbox.act(payment_id, action)

    answer = requests.post(f"{sandbox.url}/control/payments/{payment_id}/disputes", json=fields, timeout=HANG_S)

    assert answer.status_code == status
    assert control(sandbox, "GET", "disputes") == {"disputes": []}
    assert "disputed" not in ask(sandbox, payment_id).json()


def test_the_list_of_disputes_can_be_narrowed(sandbox: SandboxServer) -> None:
    """By payment and by time, page by page."""
    made = [disputed(sandbox) for _ in range(3)]

    assert listed(sandbox) == made
    assert listed(sandbox, payment=made[1]["payment_id"]) == [made[1]]
    assert listed(sandbox, created_from=made[1]["created_at"]) == made[1:]
    assert listed(sandbox, created_to=made[1]["created_at"]) == made[:1]
    assert listed(sandbox, limit=1, after=made[0]["id"]) == [made[1]]
    assert listed(sandbox, payment="sb_unknown") == []


def test_an_answer_about_disputes_can_be_false(sandbox: SandboxServer) -> None:
    """Like every answer of the merchant API."""
    dispute = disputed(sandbox)
    sandbox.fault("dispute", "unknown_status", times=1)

    assert [each["status"] for each in listed(sandbox)] == ["levitating"]
    assert listed(sandbox) == [dispute]
