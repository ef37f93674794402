"""PayPal."""

import json
from typing import ClassVar

from billing.errors import NotFound, Refused, Unavailable, WrongCredentials
from billing.models import Payment
from billing.money import Money
from billing.providers.base import CallbackRequest
from billing.providers.http import basic
from billing.states import RefundStatus, Status
from tests.conformance.cases.case import StandInCase
from tests.conformance.standins.paypal import PayPalStandIn

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
        if capture:
            self.stand_in.put_capture(order, capture)
        order["status"] = order_status

    def say_refund(self, provider_ref: str, state: str) -> None:
        self.the_book.refunds[provider_ref]["status"] = state

    def callback(self, payment: Payment) -> CallbackRequest:
        capture = self.row(payment.provider_ref)["purchase_units"][0]["payments"]["captures"][0]
        about = {
            "custom_id": payment.reference,
            "supplementary_data": {"related_ids": {"order_id": payment.provider_ref}},
        }
        event = {"id": "WH-1", "event_type": "PAYMENT.CAPTURE.COMPLETED", "resource": capture | about}
        return CallbackRequest(json.dumps(event).encode(), {}, "192.0.2.1")

    def secrets(self) -> list[str]:
        return [*super().secrets(), "secret-token"]
