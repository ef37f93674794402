"""Stripe."""

import hashlib
import hmac
import json
import time
from typing import ClassVar

from billing.errors import NotFound, Refused, Unavailable, WrongCredentials
from billing.models import Payment
from billing.money import Money
from billing.providers.base import CallbackRequest
from billing.states import RefundStatus, Status
from tests.conformance.cases.case import StandInCase
from tests.conformance.standins.server import Json
from tests.conformance.standins.stripe import StripeStandIn

KEYS = ("sk_test_first-secret", "sk_test_second-secret")
CALLBACK_SECRET = "whsec_callback-secret"


class StripeCase(StandInCase):
    """States are written `session/payment:intent`; those of an intent alone are in its own test."""

    provider = "stripe"
    amounts = (
        Money(1099, "USD"),
        Money(500, "JPY"),
        Money(5120, "KWD"),
        Money(50, "USD"),
        Money(5, "ISK"),
        Money(7, "UGX"),
        Money(1_000_00, "MGA"),
        Money(175_00, "HUF"),
        Money(999_999_99, "EUR"),
    )
    not_accepted = (
        (Money(5124, "KWD"), None),
        (Money(100_50, "MGA"), None),
        (Money(10, "EUR"), Money(50, "EUR")),
        (Money(49, "JPY"), Money(50, "JPY")),
        (Money(1_000_000_00, "EUR"), None),
    )
    states: ClassVar[dict[str, Status | None]] = {
        "open/unpaid": Status.PENDING,
        "open/unpaid:requires_payment_method": Status.PENDING,
        "complete/paid:succeeded": Status.SUCCEEDED,
        "complete/no_payment_required": Status.FAILED,
        "open/no_payment_required": Status.PENDING,
        "complete/no_payment_required:succeeded": Status.SUCCEEDED,
        "complete/unpaid:processing": Status.PENDING,
        "complete/unpaid:requires_action": Status.PENDING,
        "complete/unpaid:requires_capture": Status.AUTHORIZED,
        "complete/unpaid:requires_payment_method": Status.FAILED,
        "complete/unpaid:canceled": Status.CANCELED,
        "expired/unpaid": Status.EXPIRED,
        "complete/unpaid": Status.PENDING,
        "complete/unpaid:levitating": None,
        "levitating/unpaid": None,
        "complete/levitating": None,
    }
    paid = "complete/paid:succeeded"
    refund_states: ClassVar[dict[str, RefundStatus | None]] = {
        "pending": RefundStatus.PENDING,
        "requires_action": RefundStatus.PENDING,
        "succeeded": RefundStatus.SUCCEEDED,
        "failed": RefundStatus.FAILED,
        "canceled": RefundStatus.CANCELED,
        "levitating": None,
    }
    signs = True
    refund_requests = 2
    errors: ClassVar = {
        400: (Refused, "parameter_invalid_integer"),
        401: (WrongCredentials, "invalid_request_error"),
        402: (Refused, "card_declined"),
        403: (WrongCredentials, "invalid_request_error"),
        404: (NotFound, "resource_missing"),
        409: (Unavailable, "idempotency_key_in_use"),
        424: (Unavailable, "api_error"),
        429: (Unavailable, "rate_limit"),
        500: (Unavailable, "api_error"),
    }
    back_off_s = None

    def start(self) -> StripeStandIn:
        self.stand_in = StripeStandIn(*(f"Bearer {key}" for key in KEYS))
        return self.stand_in

    def options(self, number: int = 0) -> dict[str, str]:
        own = {"secret_key": KEYS[number], "callback_secret": CALLBACK_SECRET}
        return {"provider": self.provider, "url": self.stand_in.url, **own}

    def say(self, provider_ref: str, state: str) -> None:
        words, _, intent = state.partition(":")
        status, _, paid = words.partition("/")
        session = self.row(provider_ref)
        session |= {"status": status, "payment_status": paid}
        session["payment_intent"] = self.intent_of(session, intent) if intent else None

    def intent_of(self, session: Json, status: str) -> Json:
        """The PaymentIntent beneath."""
        succeeded = status == "succeeded"
        return {
            "id": f"pi_of_{session['id']}",
            "object": "payment_intent",
            "amount": session["amount_total"],
            "amount_received": session["amount_total"] if succeeded else 0,
            "currency": session["currency"],
            "status": status,
            "metadata": session["metadata"],
            "latest_charge": {"id": "ch_1", "object": "charge", "amount_refunded": 0} if succeeded else None,
        }

    def say_refund(self, provider_ref: str, state: str) -> None:
        self.the_book.refunds[provider_ref]["status"] = state

    def callback(self, payment: Payment) -> CallbackRequest:
        session = self.row(payment.provider_ref)
        event = {"id": "evt_1", "object": "event", "type": "checkout.session.completed", "data": {"object": session}}
        body, moment = json.dumps(event).encode(), int(time.time())
        mac = hmac.new(CALLBACK_SECRET.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
        return CallbackRequest(body, {"stripe-signature": f"t={moment},v1={mac}"}, "192.0.2.1")
