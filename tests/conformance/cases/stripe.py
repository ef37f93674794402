"""Stripe."""

import hashlib
import hmac
import json
import time
from typing import ClassVar

from billing.errors import NotFound, Refused, Unavailable, WrongCredentials
from billing.models import Advice, Payment
from billing.money import Money
from billing.providers.base import CallbackRequest
from billing.states import DisputeStatus, RefundStatus, Status
from tests.conformance.cases.case import StandInCase
from tests.conformance.standins.server import Json
from tests.conformance.standins.stripe import StripeStandIn

KEYS = ("sk_test_first-secret", "sk_test_second-secret")
CALLBACK_SECRET = "whsec_callback-secret"


# The next steps of https://docs.stripe.com/declines/codes: "try again", "use another card", "contact the card issuer".
# The last one is not there: it is taken as `card_declined` without a reason.
DECLINES = {
    code: advice
    for advice, codes in {
        Advice.AGAIN: """
            approve_with_id authentication_required duplicate_transaction incorrect_number incorrect_cvc incorrect_pin
            incorrect_zip invalid_cvc invalid_expiry_month invalid_expiry_year invalid_number invalid_pin
            issuer_not_available mobile_device_authentication_required no_action_taken offline_pin_required
            online_or_offline_pin_required processing_error reenter_transaction try_again_later
        """,
        Advice.OTHER: """
            expired_card insufficient_funds pin_try_exceeded testmode_decline withdrawal_count_limit_exceeded
            partner_generic_decline
        """,
        Advice.BANK: """
            call_issuer card_not_supported card_velocity_exceeded currency_not_supported do_not_honor do_not_try_again
            fraudulent generic_decline invalid_account invalid_amount lost_card merchant_blacklist
            new_account_information_available not_permitted pickup_card restricted_card
            revocation_of_all_authorizations revocation_of_authorization security_violation service_not_allowed
            stolen_card stop_payment_order transaction_not_allowed a_new_reason
        """,
    }.items()
    for code in codes.split()
}


class StripeCase(StandInCase):
    """States are written `session/payment:intent`; those of an intent alone are in its own test."""

    provider = "stripe"
    stand_in: StripeStandIn
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
    working = ("complete/unpaid:processing", "complete/unpaid:requires_action", "complete/unpaid")
    declines = DECLINES
    dispute_states: ClassVar[dict[str, tuple[DisputeStatus | None, bool]]] = {
        "warning_needs_response": (DisputeStatus.OPEN, True),
        "warning_under_review": (DisputeStatus.REVIEW, True),
        "warning_closed": (DisputeStatus.WON, True),
        "needs_response": (DisputeStatus.OPEN, False),
        "under_review": (DisputeStatus.REVIEW, False),
        "won": (DisputeStatus.WON, False),
        "lost": (DisputeStatus.LOST, False),
        "prevented": (DisputeStatus.WON, False),
        "levitating": (None, False),
    }
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
        charge = {"id": f"ch_of_{session['id']}", "object": "charge", "amount_refunded": 0, "disputed": False}
        return {
            "id": f"pi_of_{session['id']}",
            "object": "payment_intent",
            "amount": session["amount_total"],
            "amount_received": session["amount_total"] if succeeded else 0,
            "currency": session["currency"],
            "status": status,
            "metadata": session["metadata"],
            "latest_charge": charge if succeeded else None,
        }

    def say_refund(self, provider_ref: str, state: str) -> None:
        self.the_book.refunds[provider_ref]["status"] = state

    def decline(self, provider_ref: str, reason: str) -> None:
        """The page stays open, and the customer may try again."""
        self.say(provider_ref, "open/unpaid:requires_payment_method")
        error = {"type": "card_error", "code": "card_declined", "decline_code": reason}
        self.row(provider_ref)["payment_intent"]["last_payment_error"] = error

    def parts(self, provider_ref: str) -> set[str]:
        return {f"pi_of_{provider_ref}", f"ch_of_{provider_ref}"}

    def dispute(self, provider_ref: str, state: str) -> Json:
        return self.stand_in.put_dispute(self.the_book, self.row(provider_ref)["payment_intent"], state)

    def spoil(self, row: Json) -> None:
        if row["object"] == "checkout.session":
            row["payment_intent"]["amount_received"] = "much"
        else:
            row["id"] = None

    def events(self, payment: Payment) -> dict[str, Json]:
        """Intents and charges are named by their ids, or stand there whole."""
        session = self.row(payment.provider_ref)
        intent = session["payment_intent"]
        charge, ids = intent["latest_charge"], {"payment_intent": intent["id"]}
        of_charge = ids | {"charge": charge["id"]}
        whole = {"charge": charge | ids, "payment_intent": None}
        about = {
            "checkout.session.completed": session | ids,
            "checkout.session.async_payment_failed": session,
            "payment_intent.succeeded": intent | {"latest_charge": charge["id"]},
            "payment_intent.payment_failed": intent,
            "charge.refunded": charge | ids,
            "charge.updated": charge | {"payment_intent": intent},
            "refund.failed": {"id": "re_1", "object": "refund", "metadata": {"refund": "key"}, **of_charge},
            "refund.updated": {"id": "re_1", "object": "refund", "metadata": None, **whole},
            "charge.dispute.created": {"id": "dp_1", "object": "dispute", "metadata": {}, **of_charge},
            "charge.dispute.closed": {"id": "dp_1", "object": "dispute", "metadata": {}, **whole},
        }
        return {name: {"object": "event", "type": name, "data": {"object": each}} for name, each in about.items()}

    def callback(self, payment: Payment) -> CallbackRequest:
        session = self.row(payment.provider_ref)
        event = {"id": "evt_1", "object": "event", "type": "checkout.session.completed", "data": {"object": session}}
        body, moment = json.dumps(event).encode(), int(time.time())
        mac = hmac.new(CALLBACK_SECRET.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
        return CallbackRequest(body, {"stripe-signature": f"t={moment},v1={mac}"}, "192.0.2.1")
