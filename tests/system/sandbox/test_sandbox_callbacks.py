"""What the sandbox provider tells the shop, and how it may go astray."""

import hashlib
import hmac
import http.client
import time

import pytest

from billing.sandbox import SandboxServer, webhook_delivery
from tests.merchants import (
    Shop,
    ask,
    control,
    create,
    eventually,
    paid,
)
from tests.stack.ports import LOOPBACK_IPV6


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


@pytest.mark.parametrize("with_port", [True, False])
def test_a_shop_on_ipv6_is_told(sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch, with_port: bool) -> None:
    """With a port in its address or without, and by the Host header that such a shop accepts."""
    shop = Shop(LOOPBACK_IPV6)
    try:
        if not with_port:  # only root may take the real one
            monkeypatch.setattr(http.client.HTTPConnection, "default_port", shop.port)
        url = shop.url if with_port else shop.url.replace(f":{shop.port}/", "/")
        sandbox.act(create(sandbox, callback_url=url), "pay")
        eventually(lambda: shop.events)
        assert shop.hosts == [f"{LOOPBACK_IPV6}:{shop.port}" if with_port else LOOPBACK_IPV6]
    finally:
        shop.close()


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


def test_callbacks_can_overtake_each_other(sandbox: SandboxServer, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """With `reorder` the newest of one payment comes first."""
    monkeypatch.setattr(webhook_delivery, "REORDER_GAP_S", 1.0)
    sandbox.callbacks(reorder=True, late_s=1)
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


@pytest.mark.usefixtures("quick_retries")
def test_what_was_forgotten_does_not_come_again(sandbox: SandboxServer, shop: Shop) -> None:
    """Neither what waits for its next try nor what is just being refused; what comes after it is told as ever."""
    shop.status, shop.pause_s = 500, 0.3
    forgotten = paid(sandbox, shop)
    eventually(lambda: shop.events)
    sandbox.webhooks.forget()
    eventually(lambda: sandbox.stats()["callbacks"]["sent"] == 1)
    shop.status, shop.pause_s = 204, 0

    told = paid(sandbox, shop)

    eventually(lambda: sandbox.stats()["callbacks"]["delivered"] == 1)
    assert [event["payment"]["id"] for event in shop.events] == [forgotten, told]
    assert sandbox.stats()["callbacks"]["waiting"] == 0


def test_a_hanging_shop_blocks_nobody(sandbox: SandboxServer, shop: Shop) -> None:
    """Neither the API nor the callbacks of another shop."""
    slow = Shop()
    slow.pause_s = 2 * webhook_delivery.TIMEOUT_S
    for _ in range(3):
        paid(sandbox, slow)
    begin = time.monotonic()

    paid(sandbox, shop)

    eventually(lambda: shop.events)
    assert time.monotonic() - begin < webhook_delivery.TIMEOUT_S, "it did not wait for the end of any try"
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
