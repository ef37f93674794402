"""PayPal."""

import json
from typing import ClassVar

from billing.errors import NotFound, Refused, Unavailable, WrongCredentials
from billing.models import Advice, Payment
from billing.money import Money
from billing.providers.base import CallbackRequest
from billing.providers.http import basic
from billing.states import DisputeStatus, RefundStatus, Status
from tests.conformance.cases.case import StandInCase
from tests.conformance.standins.paypal import PayPalStandIn
from tests.conformance.standins.server import Json

APPS = (("first-app", "EFirst-app-secret"), ("second-app", "ESecond-app-secret"))


class PayPalCase(StandInCase):
    """States are written `order` or `order/capture`."""

    provider = "paypal"
    stand_in: PayPalStandIn
    amounts = (Money(10000, "USD"), Money(500, "JPY"), Money(1, "EUR"), Money(1_200_00, "HUF"), Money(300_00, "TWD"))
    not_accepted = (
        (Money(1_200_50, "HUF"), None),
        (Money(300_01, "TWD"), None),
        (Money(1234, "TND"), None),
        (Money(500_00, "KZT"), None),
    )
    states: ClassVar[dict[str, Status | None]] = {
        "CREATED": Status.PENDING,
        "SAVED": Status.PENDING,
        "PAYER_ACTION_REQUIRED": Status.PENDING,
        "APPROVED": Status.AUTHORIZED,
        "VOIDED": Status.CANCELED,
        "COMPLETED/COMPLETED": Status.SUCCEEDED,
        "COMPLETED/PARTIALLY_REFUNDED": Status.SUCCEEDED,
        "COMPLETED/REFUNDED": Status.SUCCEEDED,
        "COMPLETED/PENDING": Status.PENDING,
        "COMPLETED/DECLINED": Status.FAILED,
        "COMPLETED/FAILED": Status.FAILED,
        "COMPLETED": None,
        "COMPLETED/LEVITATING": None,
        "LEVITATING": None,
    }
    paid = "COMPLETED/COMPLETED"
    working = ("COMPLETED/PENDING",)
    declines: ClassVar[dict[str, Advice]] = {
        "5120": Advice.OTHER,  # insufficient funds
        "5400": Advice.OTHER,  # expired
        "9500": Advice.OTHER,  # suspected fraud
        "9100": Advice.AGAIN,  # declined, please retry
        "5920": Advice.AGAIN,  # the bank is not available, retriable
        "5110": Advice.AGAIN,  # wrong security code
        "0500": Advice.BANK,  # do not honor
        "5930": Advice.BANK,  # not activated
        "XXXX": Advice.OTHER,
    }
    dispute_states: ClassVar[dict[str, tuple[DisputeStatus | None, bool]]] = {
        "OPEN": (DisputeStatus.OPEN, False),
        "OPEN@INQUIRY": (DisputeStatus.OPEN, True),
        "WAITING_FOR_SELLER_RESPONSE@PRE_ARBITRATION": (DisputeStatus.OPEN, False),
        "WAITING_FOR_BUYER_RESPONSE@INQUIRY": (DisputeStatus.REVIEW, True),
        "UNDER_REVIEW@ARBITRATION": (DisputeStatus.REVIEW, False),
        "RESOLVED/RESOLVED_BUYER_FAVOUR": (DisputeStatus.LOST, False),
        "RESOLVED/ACCEPTED": (DisputeStatus.LOST, False),
        "RESOLVED/RESOLVED_SELLER_FAVOUR": (DisputeStatus.WON, False),
        "RESOLVED/RESOLVED_WITH_PAYOUT": (DisputeStatus.WON, False),
        "RESOLVED/CANCELED_BY_BUYER@INQUIRY": (DisputeStatus.WON, True),
        "RESOLVED/DENIED": (DisputeStatus.WON, False),
        "RESOLVED/NONE": (DisputeStatus.WON, False),
        "RESOLVED": (None, False),
        "RESOLVED/LEVITATING": (None, False),
        "OTHER": (None, False),
        "LEVITATING": (None, False),
    }
    refund_states: ClassVar[dict[str, RefundStatus | None]] = {
        "PENDING": RefundStatus.PENDING,
        "COMPLETED": RefundStatus.SUCCEEDED,
        "CANCELLED": RefundStatus.CANCELED,
        "FAILED": RefundStatus.FAILED,
        "LEVITATING": None,
    }
    refund_requests = 2
    errors: ClassVar = {
        400: (Refused, "MISSING_REQUIRED_PARAMETER"),
        401: (Unavailable, "the access token is no longer valid"),
        403: (WrongCredentials, "PERMISSION_DENIED"),
        404: (NotFound, "INVALID_RESOURCE_ID"),
        409: (Unavailable, "PREVIOUS_REQUEST_IN_PROGRESS"),
        422: (Refused, "INVALID_PARAMETER_VALUE"),
        429: (Unavailable, "RATE_LIMIT_REACHED"),
        500: (Unavailable, "INTERNAL_SERVER_ERROR"),
    }
    back_off_s = 7.0

    def start(self) -> PayPalStandIn:
        self.stand_in = PayPalStandIn(*(basic(*app) for app in APPS))
        return self.stand_in

    def options(self, number: int = 0) -> dict[str, str]:
        client_id, client_secret = APPS[number]
        own = {"client_id": client_id, "client_secret": client_secret}
        return {"provider": self.provider, "url": self.stand_in.url, **own}

    def say(self, provider_ref: str, state: str) -> None:
        order_status, _, capture = state.partition("/")
        order = self.row(provider_ref)
        if order_status == "APPROVED":
            self.stand_in.approve(order)
        elif capture:
            self.stand_in.put_capture(order, capture)
        order["status"] = order_status

    def say_refund(self, provider_ref: str, state: str) -> None:
        self.the_book.refunds[provider_ref]["status"] = state

    def decline(self, provider_ref: str, reason: str) -> None:
        """By the processor of the card."""
        order = self.row(provider_ref)
        self.stand_in.put_capture(order, "DECLINED", processor_response={"response_code": reason})

    def capture(self, provider_ref: str) -> Json:
        capture: Json = self.row(provider_ref)["purchase_units"][0]["payments"]["captures"][0]
        return capture

    def parts(self, provider_ref: str) -> set[str]:
        return {self.capture(provider_ref)["id"]}

    def dispute(self, provider_ref: str, state: str) -> Json:
        words, _, stage = state.partition("@")
        status, _, code = words.partition("/")
        outcome = {"dispute_outcome": {"outcome_code": code}} if code else {}
        stage = stage or "CHARGEBACK"
        fields = {"status": status, "dispute_life_cycle_stage": stage, **outcome}
        return self.stand_in.put_dispute(self.the_book, self.capture(provider_ref), **fields)

    def spoil(self, row: Json) -> None:
        if "purchase_units" in row:
            row["purchase_units"][0]["payments"]["captures"][0]["amount"] = {"currency_code": "USD", "value": "much"}
        else:
            row["id"] = None

    def events(self, payment: Payment) -> dict[str, Json]:
        """Without related_ids a capture names its order in a link only."""
        order, capture = self.row(payment.provider_ref), self.capture(payment.provider_ref)
        bare = {name: value for name, value in capture.items() if name not in ("supplementary_data", "custom_id")}
        up = {"href": f"{self.stand_in.url}/v2/payments/captures/{capture['id']}", "rel": "up", "method": "GET"}
        refund = {"id": "1Y107995YT783435V", "status": "COMPLETED", "links": [{"rel": "self"}, up]}
        transactions = [{"seller_transaction_id": capture["id"], "custom": payment.reference}]
        about = {
            "CHECKOUT.ORDER.APPROVED": order,
            "CHECKOUT.ORDER.COMPLETED": order,
            "PAYMENT.CAPTURE.COMPLETED": capture,
            "PAYMENT.CAPTURE.PENDING": bare,
            "PAYMENT.CAPTURE.REFUNDED": refund,
            "PAYMENT.CAPTURE.REVERSED": refund | {"custom_id": payment.reference},
            "CUSTOMER.DISPUTE.CREATED": {"dispute_id": "PP-D-4012", "disputed_transactions": transactions},
        }
        return {name: {"event_type": name, "resource": each} for name, each in about.items()}

    def callback(self, payment: Payment) -> CallbackRequest:
        body = json.dumps(self.events(payment)["PAYMENT.CAPTURE.COMPLETED"]).encode()
        return CallbackRequest(body, {}, "192.0.2.1")

    def secrets(self) -> list[str]:
        return [*super().secrets(), "secret-token"]
