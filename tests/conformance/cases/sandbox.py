"""The sandbox: its own server is its contract."""

from typing import ClassVar

from billing.errors import NotFound, Unavailable, WrongCredentials
from billing.models import Payment
from billing.money import Money
from billing.providers.base import CallbackRequest
from billing.sandbox import SandboxServer
from billing.sandbox.webhook_delivery import event_body, signature
from billing.states import RefundStatus, Status
from tests.conformance.cases.case import Case

FAULTS: dict[str, tuple[str, dict[str, float]]] = {
    "hang": ("hang", {"hang_s": 1.5}),
    "drip": ("drip", {"drip_ms": 50}),
    "lost_answer": ("lost_answer", {}),
    "bad_gateway": ("status_502_html", {}),
    "html": ("html", {}),
    "half_json": ("not_json", {}),
    "oversized": ("oversized", {}),
    "redirect": ("redirect", {}),
}
FAILURES = {401: "unauthorized", 404: "not_found", 429: "status_429", 500: "status_500"}


class SandboxCase(Case):
    """Its faults are its own."""

    provider = "sandbox"
    amounts = (Money(1250, "EUR"), Money(500, "JPY"), Money(1234, "KWD"))
    states: ClassVar[dict[str, Status | None]] = {
        "pending": Status.PENDING,
        "authorized": Status.AUTHORIZED,
        "succeeded": Status.SUCCEEDED,
        "canceled": Status.CANCELED,
        "expired": Status.EXPIRED,
        "failed": Status.FAILED,
        "levitating": None,
    }
    paid = "succeeded"
    refund_states: ClassVar[dict[str, RefundStatus | None]] = {"succeeded": RefundStatus.SUCCEEDED, "levitating": None}
    signs = True
    errors: ClassVar = {
        401: (WrongCredentials, "unauthorized"),
        404: (NotFound, "not_found"),
        429: (Unavailable, "too_many_requests"),
        500: (Unavailable, "internal_error"),
    }
    back_off_s = 1.0
    troubles = frozenset(FAULTS)

    def start(self) -> SandboxServer:
        self.server = SandboxServer()
        return self.server

    def options(self, number: int = 0) -> dict[str, str]:
        own = {"api_key": self.server.api_key, "callback_secret": "sandbox-secret"}
        return {"provider": self.provider, "url": self.server.url, **own}

    def say(self, provider_ref: str, state: str) -> None:
        if state == "levitating":
            self.server.fault("status", "unknown_status", times=1)
        elif state != "pending":
            self.server.force(provider_ref, state)

    def say_refund(self, provider_ref: str, state: str) -> None:
        if state == "levitating":
            self.server.fault("refund", "unknown_status", times=1)

    def trouble(self, kind: str, after: int = 0) -> None:
        assert not after, "nothing here takes two requests"
        fault, options = FAULTS[kind]
        self.server.fault("any", fault, times=1, **options)

    def fail(self, status: int) -> None:
        self.server.fault("any", FAILURES[status], times=1)

    def count(self) -> int:
        return len(self.server.requests())

    def made(self) -> int:
        return len(self.server.payments())

    def callback(self, payment: Payment) -> CallbackRequest:
        paid = self.server.show(self.server.ledger.find(payment.provider_ref))
        body = event_body("payment.succeeded", paid, {}).encode()
        return CallbackRequest(body, {"sandbox-signature": signature("sandbox-secret", body)}, "127.0.0.1")
