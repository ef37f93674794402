"""YooKassa."""

import json
from typing import ClassVar

from billing.errors import NotFound, Refused, Unavailable, WrongCredentials
from billing.models import Advice, Payment
from billing.money import Money
from billing.providers.base import CallbackRequest
from billing.providers.http import basic
from billing.states import RefundStatus, Status
from tests.conformance.cases.case import StandInCase
from tests.conformance.standins.server import Json
from tests.conformance.standins.yookassa import YooKassaStandIn

SHOPS = (("100500", "test_first-shop-secret"), ("100501", "test_second-shop-secret"))

# https://yookassa.ru/developers/payment-acceptance/after-the-payment/declined-payments#cancellation-details-reason
DECLINES = {
    "3d_secure_failed": Advice.AGAIN,  # pass the authentication, or use another means, or ask the bank
    "call_issuer": Advice.BANK,
    "card_expired": Advice.OTHER,
    "payment_method_limit_exceeded": Advice.OTHER,
    "payment_method_restricted": Advice.BANK,
    "country_forbidden": Advice.OTHER,
    "general_decline": Advice.BANK,
    "fraud_suspected": Advice.OTHER,
    "identification_required": Advice.OTHER,
    "insufficient_funds": Advice.OTHER,
    "invalid_card_number": Advice.AGAIN,
    "invalid_csc": Advice.AGAIN,
    "issuer_unavailable": Advice.AGAIN,
    "permission_revoked": Advice.AGAIN,
    "internal_timeout": Advice.AGAIN,
    "unsupported_mobile_operator": Advice.OTHER,
    "a_new_reason": Advice.NONE,
}


class YooKassaCase(StandInCase):
    """States are written `status:reason`; the reasons are all of PaymentCancellationDetails."""

    provider = "yookassa"
    amounts = (Money(10000, "RUB"), Money(1_00, "RUB"), Money(1, "KZT"), Money(99_999_999, "USD"))
    not_accepted = ((Money(99, "RUB"), Money(1_00, "RUB")), (Money(500, "JPY"), None), (Money(10_00, "GBP"), None))
    states: ClassVar[dict[str, Status | None]] = {
        "pending": Status.PENDING,
        "pending:working": Status.PENDING,
        "waiting_for_capture": Status.AUTHORIZED,
        "succeeded": Status.SUCCEEDED,
        "canceled:canceled_by_merchant": Status.CANCELED,
        "canceled:expired_on_confirmation": Status.EXPIRED,
        "canceled:expired_on_capture": Status.EXPIRED,
        "canceled:deal_expired": Status.EXPIRED,
        **{f"canceled:{reason}": Status.FAILED for reason in DECLINES},
        "levitating": None,
    }
    paid = "succeeded"
    working = ("pending:working",)
    declines = DECLINES
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
        """`pending:working` has no `confirmation`: nothing is left for the customer to do."""
        status, _, reason = state.partition(":")
        if reason == "working":
            self.row(provider_ref).pop("confirmation")
            return
        details = {"cancellation_details": {"party": "yoo_money", "reason": reason}} if reason else {}
        self.row(provider_ref).update({"status": status, "paid": status == "succeeded", **details})

    def say_refund(self, provider_ref: str, state: str) -> None:
        self.the_book.refunds[provider_ref]["status"] = state

    def decline(self, provider_ref: str, reason: str) -> None:
        self.say(provider_ref, f"canceled:{reason}")

    def parts(self, provider_ref: str) -> set[str]:
        return set()

    def spoil(self, row: Json) -> None:
        row.pop("amount" if "metadata" in row else "payment_id")

    def events(self, payment: Payment) -> dict[str, Json]:
        names = ("payment.waiting_for_capture", "payment.succeeded", "payment.canceled")
        refund = {
            "id": "216749f7-0016-50be-b000-078d43a63ae4",
            "payment_id": payment.provider_ref,
            "status": "succeeded",
        }
        about = {**dict.fromkeys(names, self.row(payment.provider_ref)), "refund.succeeded": refund}
        return {name: {"type": "notification", "event": name, "object": each} for name, each in about.items()}

    def callback(self, payment: Payment) -> CallbackRequest:
        event = {"type": "notification", "event": "payment.succeeded", "object": self.row(payment.provider_ref)}
        return CallbackRequest(json.dumps(event).encode(), {}, "77.75.153.7")
