"""What is YooKassa's alone: payments of one stage, and where callbacks come from."""

import json
from collections.abc import Iterator

import pytest

from billing.errors import Forged, Unavailable
from billing.providers.base import Account, CallbackRequest
from billing.providers.yookassa import YooKassa
from billing.states import Status
from tests.conformance.cases.yookassa import YooKassaCase
from tests.conformance.standins.server import Reply, saying


@pytest.fixture
def yookassa() -> Iterator[YooKassaCase]:
    with YooKassaCase() as case:
        yield case


def test_money_is_taken_at_once(yookassa: YooKassaCase) -> None:
    """Otherwise it would only be held, and let go again."""
    payment = yookassa.made_payment(yookassa.adapter())

    assert yookassa.row(payment.provider_ref)["_capture"] is True


def test_money_that_is_held_is_let_go(yookassa: YooKassaCase) -> None:
    """The one state that may be cancelled."""
    adapter = yookassa.adapter()
    payment = yookassa.made_payment(adapter)
    yookassa.say(payment.provider_ref, "waiting_for_capture")

    answer = adapter.cancel(payment.provider_ref)

    assert (answer.status, answer.reason) == (Status.CANCELED, "canceled_by_merchant")


@pytest.mark.parametrize("wait", ["soon", -1, 10**9, None])
def test_a_wait_that_makes_no_sense_is_none(yookassa: YooKassaCase, wait: object) -> None:
    """It is a number of milliseconds."""
    yookassa.stand_in.mischief.append(saying(Reply(429, {"code": "too_many_requests", "retry_after": wait})))

    with pytest.raises(Unavailable) as found:
        yookassa.adapter().status("1da5c87d-0984-50e8-a7f3-8de646dd9ec9")

    assert found.value.retry_after_s is None


@pytest.mark.parametrize(
    ("sender", "taken"),
    [("77.75.153.7", True), ("2a02:5180::1", True), ("192.0.2.1", False), ("", False), ("unix:", False)],
)
def test_callbacks_from_elsewhere_are_forged_where_networks_are_named(
    yookassa: YooKassaCase, sender: str, taken: bool
) -> None:
    """Without any, the address is nobody's business."""
    named = yookassa.options() | {"callback_networks": "77.75.153.0/25,2a02:5180::/32"}
    post = CallbackRequest(b"{}", {}, sender)

    yookassa.adapter().verify(post)
    if taken:
        YooKassa(Account("yookassa", named)).verify(post)
    else:
        with pytest.raises(Forged):
            YooKassa(Account("yookassa", named)).verify(post)


def test_a_callback_about_a_refund_names_the_payment(yookassa: YooKassaCase) -> None:
    """refund.succeeded carries the refund."""
    event = {"type": "notification", "event": "refund.succeeded", "object": {"id": "r", "payment_id": "p"}}

    assert yookassa.adapter().read_callback(json.dumps(event).encode()).refs == ("p", "r")
