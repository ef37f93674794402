"""Right answers are read, and a damaged one raises nothing but a ProviderError."""

import dataclasses
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
import requests
from urllib3 import HTTPResponse

from billing.errors import BadAnswer, ProviderError, Refused
from billing.models import Payment, Refund
from billing.money import Money
from billing.providers import REGISTRY
from billing.providers.base import Account, CallbackHint, DisputeSnapshot, PaymentSnapshot, RefundSnapshot
from billing.states import Status
from tests.conformance.shapes import paypal, stripe, yookassa
from tests.conformance.shapes.shape import Answers, Shape, damaged, make

SHAPES: dict[str, Answers] = {"paypal": paypal.ANSWERS, "stripe": stripe.ANSWERS, "yookassa": yookassa.ANSWERS}

OPERATIONS = [(provider, operation) for provider, answers in SHAPES.items() for operation in answers]

ANSWERS = 500
"""Right ones for each operation, and as many damaged ones."""

AMOUNT = Money(1250, "EUR")
DAY = (datetime(2026, 7, 1, tzinfo=UTC), datetime(2026, 7, 2, tzinfo=UTC))
OPTIONS = {"url": "http://x", "callback_networks": "", "callback_secret": "s"} | dict.fromkeys(
    ("client_id", "client_secret", "secret_key", "shop_id"), "k"
)
TOKEN = b'{"access_token": "A21AA", "expires_in": 32400}'


class Wire:
    """The transport below our client: it answers by a part of the path, the longest that fits."""

    def __init__(self) -> None:
        self.bodies: dict[str, bytes] = {}

    def send(self, request: requests.PreparedRequest, **_: Any) -> requests.Response:
        path = (request.url or "").partition("?")[0]
        fitting = sorted((each for each in self.bodies if each in path), key=len)
        body = self.bodies[fitting[-1]] if fitting else TOKEN
        response = requests.Response()
        response.status_code = 200
        response.raw = HTTPResponse(io.BytesIO(body), preload_content=False)
        return response


class Bench:
    """One adapter on its own wire, and an operation on it."""

    def __init__(self, provider: str, operation: str) -> None:
        self.provider, (self.operation, _, self.ref) = provider, operation.partition(":")
        self.shapes: dict[str, Shape] = SHAPES[provider][operation]
        self.wire = Wire()
        self.adapter = self._adapter()
        self.arguments = self._arguments()

    def _adapter(self) -> Any:
        adapter: Any = REGISTRY[self.provider](Account(self.provider, OPTIONS))
        adapter._http._adapter = self.wire
        return adapter

    def ask(self, bodies: dict[str, bytes]) -> Any:
        """What the adapter makes of these answers; one that has a token would not ask for it again."""
        adapter = self._adapter() if self.operation == "token" else self.adapter
        self.wire.bodies = bodies
        if self.operation == "read_callback":
            return adapter.read_callback(bodies[""])
        found = getattr(adapter, {"token": "status"}.get(self.operation, self.operation))(*self.arguments)
        return list(found) if isinstance(found, Iterator) else found

    def _arguments(self) -> tuple[Any, ...]:
        ref = self.ref or ("cs_1" if self.provider == "stripe" else "5O1")
        payment = Payment(
            provider_ref=ref,
            reference="order-1",
            amount_minor=AMOUNT.minor,
            currency=AMOUNT.currency,
            description="Two cups",
            return_url="https://shop.example.com/",
            created_at=DAY[0],
            window_ends_at=DAY[0] + timedelta(hours=1),
        )
        answer = PaymentSnapshot(Status.SUCCEEDED, "", ref, AMOUNT, "", refs=("pi_1",), approval="a")
        return {
            "create": (payment,),
            "refund": (Refund(payment=payment, amount_minor=AMOUNT.minor, provider_ref="r"),),
            "refund_status": (Refund(payment=payment, amount_minor=AMOUNT.minor, provider_ref="r"),),
            "capture": (answer, "key"),
            "disputes_of": (answer,),
            "payments_between": DAY,
            "movements_between": DAY,
        }.get(self.operation, (ref,))


@pytest.mark.parametrize(("provider", "operation"), OPERATIONS)
def test_every_answer_of_the_contract_is_read(provider: str, operation: str) -> None:
    """Each field at its limits, and every one that is not required may be away."""
    bench, rng = Bench(provider, operation), Random(f"{provider} {operation}")
    read = 0
    for _ in range(ANSWERS):
        bodies = {part: json.dumps(make(shape, rng)).encode() for part, shape in bench.shapes.items()}
        try:
            found = bench.ask(bodies)
        except Refused:
            continue  # a right answer, to which ours is no: nothing was paid that could go back
        read += 1
        assert not [each for each in _parts(found) if isinstance(each, BadAnswer)], bodies
        _assert_sound(found)
    assert read > ANSWERS / 5


@pytest.mark.parametrize(("provider", "operation"), OPERATIONS)
def test_a_damaged_answer_is_read_or_refused(provider: str, operation: str) -> None:
    """It raises nothing but a ProviderError; an amount is never another; and the database can store the rest."""
    bench, rng = Bench(provider, operation), Random(f"damaged {provider} {operation}")
    refused = 0
    for _ in range(ANSWERS):
        bodies = {part: json.dumps(make(shape, rng)).encode() for part, shape in bench.shapes.items()}
        part = rng.choice(list(bodies))
        bodies[part] = damaged(json.loads(bodies[part]), rng)
        try:
            _assert_sound(bench.ask(bodies))
        except ProviderError:
            refused += 1
    assert 0 < refused < ANSWERS


def _parts(found: Any) -> list[Any]:
    return found if isinstance(found, list) else [found]


def _assert_sound(found: Any) -> None:
    """The amounts are those that were sent; texts have the length of their columns and are printable."""
    for each in _parts(found):
        if isinstance(each, PaymentSnapshot | RefundSnapshot | DisputeSnapshot):
            assert each.amount == AMOUNT
            assert each.provider_ref
        if not isinstance(each, BadAnswer):
            _assert_storable(dataclasses.asdict(each))
        if isinstance(each, CallbackHint):
            assert each.refs or each.reference


LONGEST = {"pay_url": 500, "approval": 64, "declined_approval": 64, "reference": 200}


def _assert_storable(fields: dict[str, Any]) -> None:
    for name, value in fields.items():
        for text in value if isinstance(value, tuple) else (value,):
            if isinstance(text, str):
                assert len(text) <= LONGEST.get(name, 200), name
                assert text.isprintable(), name
            elif isinstance(text, int):
                assert 0 <= text < 2**63, name
            elif isinstance(text, datetime):
                assert text.tzinfo is not None, name
