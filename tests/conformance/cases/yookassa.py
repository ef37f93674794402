"""YooKassa."""

import json
from typing import ClassVar

from billing.errors import NotFound, Refused, Unavailable, WrongCredentials
from billing.models import Payment
from billing.money import Money
from billing.providers.base import CallbackRequest
from billing.providers.http import basic
from billing.states import RefundStatus, Status
from tests.conformance.cases.case import StandInCase
from tests.conformance.standins.yookassa import YooKassaStandIn

SHOPS = (("100500", "test_first-shop-secret"), ("100501", "test_second-shop-secret"))

REFUSED = (
    "3d_secure_failed",
    "call_issuer",
    "card_expired",
    "payment_method_limit_exceeded",
    "payment_method_restricted",
    "country_forbidden",
    "general_decline",
    "fraud_suspected",
    "identification_required",
    "insufficient_funds",
    "invalid_card_number",
    "invalid_csc",
    "issuer_unavailable",
    "permission_revoked",
    "internal_timeout",
    "unsupported_mobile_operator",
)


class YooKassaCase(StandInCase):
    """States are written `status:reason`; the reasons are all of PaymentCancellationDetails."""

    provider = "yookassa"
    amounts = (Money(10000, "RUB"), Money(1_00, "RUB"), Money(1, "KZT"), Money(99_999_999, "USD"))
    not_accepted = ((Money(99, "RUB"), Money(1_00, "RUB")), (Money(500, "JPY"), None), (Money(10_00, "GBP"), None))
    states: ClassVar[dict[str, Status | None]] = {
        "pending": Status.PENDING,
        "waiting_for_capture": Status.AUTHORIZED,
        "succeeded": Status.SUCCEEDED,
        "canceled:canceled_by_merchant": Status.CANCELED,
        "canceled:expired_on_confirmation": Status.EXPIRED,
        "canceled:expired_on_capture": Status.EXPIRED,
        "canceled:deal_expired": Status.EXPIRED,
        **{f"canceled:{reason}": Status.FAILED for reason in REFUSED},
        "canceled:a_new_reason": Status.FAILED,
        "levitating": None,
    }
    paid = "succeeded"
    refund_states: ClassVar[dict[str, RefundStatus | None]] = {
        "pending": RefundStatus.PENDING,
        "succeeded": RefundStatus.SUCCEEDED,
        "canceled": RefundStatus.CANCELED,
        "levitating": None,
    }
    unpaid_can_be_cancelled = False
    errors: ClassVar = {
        400: (Refused, "invalid_request"),
        401: (WrongCredentials, "invalid_credentials"),
        403: (WrongCredentials, "forbidden"),
        404: (NotFound, "not_found"),
        429: (Unavailable, "too_many_requests"),
        500: (Unavailable, "internal_server_error"),
    }
    back_off_s = 1.8

    def start(self) -> YooKassaStandIn:
        self.stand_in = YooKassaStandIn(*(basic(*shop) for shop in SHOPS))
        return self.stand_in

    def options(self, number: int = 0) -> dict[str, str]:
        shop_id, secret_key = SHOPS[number]
        own = {"shop_id": shop_id, "secret_key": secret_key, "callback_networks": ""}
        return {"provider": self.provider, "url": self.stand_in.url, **own}

    def say(self, provider_ref: str, state: str) -> None:
        status, _, reason = state.partition(":")
        details = {"cancellation_details": {"party": "yoo_money", "reason": reason}} if reason else {}
        self.row(provider_ref).update({"status": status, "paid": status == "succeeded", **details})

    def say_refund(self, provider_ref: str, state: str) -> None:
        self.the_book.refunds[provider_ref]["status"] = state

    def callback(self, payment: Payment) -> CallbackRequest:
        event = {"type": "notification", "event": "payment.succeeded", "object": self.row(payment.provider_ref)}
        return CallbackRequest(json.dumps(event).encode(), {}, "77.75.153.7")
