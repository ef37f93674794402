"""The buyer's page at the sandbox provider."""

import pytest
import requests

from billing.sandbox import SandboxServer
from tests.merchants import HOSTILE, ask, create, get, press
from tests.stack.ports import HANG_S


@pytest.mark.parametrize(
    ("action", "status", "reason"),
    [
        ("pay", "succeeded", ""),
        ("authorize", "authorized", ""),
        ("decline", "failed", "card_declined"),
        ("cancel", "canceled", "canceled_by_buyer"),
        ("transfer", "pending", ""),
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


def test_a_transfer_cannot_be_sent_twice(sandbox: SandboxServer) -> None:
    """The page of a payment that the bank works on has no buttons."""
    payment_id = create(sandbox)
    press(sandbox, payment_id, "transfer")

    answer = press(sandbox, payment_id, "cancel")

    assert "Your bank is working on this payment" in answer.text
    assert "Status: with the bank" in answer.text
    assert "<button" not in answer.text
    assert ask(sandbox, payment_id).json()["working"] is True


def test_an_unknown_button_changes_nothing(sandbox: SandboxServer) -> None:
    """Only the buttons of the page count."""
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

    assert requests.get(f"{sandbox.url}/healthz", timeout=HANG_S).status_code == 200
