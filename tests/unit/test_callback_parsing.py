"""Reading a callback: which payment it is about, and nothing else, from bodies that anybody may have written."""

import json
from typing import Any

import pytest

from billing.errors import BadAnswer
from billing.providers.base import Account, CallbackHint
from billing.providers.sandbox import Sandbox

GOOD: dict[str, Any] = {
    "id": "evt_1",
    "type": "payment.succeeded",
    "payment": {"id": "pay_17", "reference": "order-17", "status": "succeeded"},
}


def body(**fields: Any) -> bytes:
    """A good callback with these fields."""
    return json.dumps(GOOD | fields).encode()


def about(**fields: Any) -> bytes:
    """A good callback whose payment has these fields."""
    return body(payment=GOOD["payment"] | fields)


HOSTILE: dict[str, bytes] = {
    "nothing": b"",
    "white space": b"  \n",
    "garbage": b"\x00\xff\xfe",
    "a form": b"type=payment.succeeded&payment=17",
    "XML": b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><x>&a;</x>',
    "half a callback": body()[:-3],
    "two callbacks": body() + body(),
    "null": b"null",
    "true": b"true",
    "a number": b"17",
    "a text": b'"payment.succeeded"',
    "a list": b"[" + body() + b"]",
    "deep lists": b"[" * 60_000,
    "deep objects": b'{"payment":' * 20_000,
    "a huge number": b'{"payment": ' + b"9" * 60_000 + b"}",
    "no payment": b'{"type": "payment.succeeded"}',
    "payment null": body(payment=None),
    "payment a text": body(payment="pay_17"),
    "payment a list": body(payment=[GOOD["payment"]]),
    "payment empty": body(payment={}),
    "refund a text": body(refund="re_3"),
    "dispute a list": body(dispute=["dp_3"]),
    "no type": b'{"payment": {"id": "pay_17", "reference": "order-17"}}',
    "type null": body(type=None),
    "type a number": body(type=17),
    "type empty": body(type=""),
    "type with a line break": body(type="payment.succeeded\npayment.failed"),
    "type too long": body(type="x" * 201),
    "id null": about(id=None),
    "id a number": about(id=17),
    "id true": about(id=True),
    "id a list": about(id=["pay_17"]),
    "id an object": about(id={"$ne": ""}),
    "id empty": about(id=""),
    "id too long": about(id="x" * 201),
    "id with a zero byte": about(id="pay_17\x00"),
    "id with a lone surrogate": b'{"type": "t", "payment": {"id": "\\ud800", "reference": "r"}}',
    "reference null": about(reference=None),
    "reference empty": about(reference=""),
    "reference too long": about(reference="x" * 10_000),
    "reference with a line break": about(reference="order-17\r\nX-Evil: 1"),
    "reference turned around": about(reference="order\u202e71"),
}


@pytest.fixture(scope="module")
def sandbox() -> Sandbox:
    """The adapter; nothing is called over it here."""
    return Sandbox(Account("sandbox", {"url": "http://127.0.0.1:9", "api_key": "", "callback_secret": ""}))


def test_a_callback_names_its_payment(sandbox: Sandbox) -> None:
    """By the provider's id and by our reference. What it says about the status is not even read."""
    assert sandbox.read_callback(body()) == CallbackHint(("pay_17",), "order-17", "payment.succeeded")


@pytest.mark.parametrize("noun", ["refund", "dispute"])
def test_a_callback_about_a_part_of_a_payment_names_all_its_ids(sandbox: Sandbox, noun: str) -> None:
    """The payment's own first: it is the surest."""
    about_part = body(payment=GOOD["payment"] | {"charge": "ch_17"}, **{noun: {"id": "part_3"}})

    assert sandbox.read_callback(about_part).refs == ("pay_17", "ch_17", "part_3")


@pytest.mark.parametrize(
    "extra", [{"status": "paid"}, {"amount": None}, {"a": [1, {"b": None}]}, {"reason": "☕" * 1_000}], ids=str
)
def test_what_is_not_needed_is_not_looked_at(sandbox: Sandbox, extra: dict[str, Any]) -> None:
    """A provider may add fields, and change them."""
    assert sandbox.read_callback(about(**extra)).refs == ("pay_17",)


def test_an_event_nobody_knows_is_still_a_reason_to_look(sandbox: Sandbox) -> None:
    """The provider is asked anyway."""
    assert sandbox.read_callback(body(type="payment.teleported")).event == "payment.teleported"


@pytest.mark.parametrize("hostile", HOSTILE.values(), ids=HOSTILE.keys())
def test_what_cannot_be_read_is_one_named_error(sandbox: Sandbox, hostile: bytes) -> None:
    """BadAnswer, whatever it is; nothing else gets out."""
    with pytest.raises(BadAnswer):
        sandbox.read_callback(hostile)


def test_the_error_never_repeats_the_body(sandbox: Sandbox) -> None:
    """It may hold personal data, and the error goes to the log."""
    for hostile in (b"hush-hush", about(id="hush-hush\n"), body(payment="hush-hush"), body(type="hush-hush\x00")):
        with pytest.raises(BadAnswer) as caught:
            sandbox.read_callback(hostile)
        assert "hush-hush" not in repr(caught.value)
