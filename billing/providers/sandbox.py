"""The sandbox: the provider that ships with the project. `billing/sandbox/` is its server."""

import time
from collections.abc import Iterator
from datetime import datetime, timedelta

from django.conf import settings

from billing.errors import NotOffered
from billing.models import Payment, Refund
from billing.money import Money
from billing.providers.base import Account, CallbackHint, CallbackRequest, Movement, PaymentSnapshot, RefundSnapshot
from billing.providers.fields import Json, address, money, objects, part, refund_snapshot, text, text_or_nothing
from billing.providers.http import ProviderClient, read_json
from billing.providers.options import CALLBACKS_REFUSED, CALLS_REFUSED, api_url, own_secret
from billing.states import RefundStatus, Status

STATUSES = {status.value: status for status in Status if status != Status.CREATED}
REFUND_STATUSES = {each.value: each for each in (RefundStatus.PENDING, RefundStatus.SUCCEEDED, RefundStatus.FAILED)}


class Sandbox:
    """JSON over HTTP, amounts as decimal strings, an `Idempotency-Key` for everything created."""

    rate_limit_per_s = 0
    key_kept = timedelta(hours=20)  # the sandbox keeps keys for ever; real providers do not
    lapse: timedelta | None = None
    forgets: timedelta | None = None
    bank_longest = timedelta(days=14)
    signature_headers: tuple[str, ...] = ("sandbox-signature",)

    def __init__(self, account: Account) -> None:
        self._account = account
        self._http = ProviderClient(account, {"Authorization": f"Bearer {account.options['api_key']}"})

    @staticmethod
    def read_options(prefix: str) -> dict[str, str]:
        return {
            "url": api_url(f"{prefix}_URL", "http://127.0.0.1:8100", ("http", "https"), "http://sandbox:8100"),
            "api_key": own_secret(
                f"{prefix}_API_KEY", "sandbox-key", help="Key that the sandbox expects.", wrong=CALLS_REFUSED
            ),
            "callback_secret": own_secret(
                f"{prefix}_CALLBACK_SECRET", "sandbox-secret",
                help="Secret with which the sandbox signs its callbacks.", wrong=CALLBACKS_REFUSED,
            ),
        }  # fmt: skip

    def check_amount(self, amount: Money) -> None:
        """Every amount is taken."""

    def create(self, payment: Payment) -> PaymentSnapshot:
        body = {
            "amount": payment.amount.as_json(),
            "reference": payment.reference,
            "description": payment.description,
            "return_url": payment.return_url,
            "callback_url": f"{settings.SHOP_URL}/callbacks/{self._account.name}/",
        }
        return _answer(self._http.post("/v1/payments", body, payment.idempotency_key))

    def status(self, provider_ref: str) -> PaymentSnapshot:
        return _answer(self._http.get(f"/v1/payments/{provider_ref}"))

    def cancel(self, provider_ref: str) -> PaymentSnapshot:
        return _answer(self._http.post(f"/v1/payments/{provider_ref}/cancel", {}))

    def refund(self, refund: Refund) -> RefundSnapshot:
        path = f"/v1/payments/{refund.payment.provider_ref}/refunds"
        body = {"amount": refund.amount.as_json()}
        return _refund_answer(self._http.post(path, body, refund.idempotency_key))

    def refund_status(self, refund: Refund) -> RefundSnapshot:
        return _refund_answer(self._http.get(f"/v1/refunds/{refund.provider_ref}"))

    def payments_between(self, start: datetime, end: datetime) -> Iterator[PaymentSnapshot]:
        query = {"created_from": start.isoformat(), "created_to": end.isoformat()}
        while True:
            page = self._http.get("/v1/payments", query)
            yield from map(_answer, objects(page, "payments"))
            if not page.get("next"):
                return
            query["after"] = text(page, "next")

    def movements_between(self, start: datetime, end: datetime) -> Iterator[Movement]:
        raise NotOffered("it is not read yet")

    def verify(self, post: CallbackRequest) -> None:
        post.check_signature("sandbox-signature", self._account.options["callback_secret"], time.time())

    def read_callback(self, body: bytes) -> CallbackHint:
        event = read_json(body)
        payment = part(event, "payment")
        return CallbackHint((text(payment, "id"),), text(payment, "reference"), text(event, "type"))


def _answer(payment: Json) -> PaymentSnapshot:
    raw_status = text(payment, "status")
    return PaymentSnapshot(
        status=STATUSES.get(raw_status),
        raw_status=raw_status,
        provider_ref=text(payment, "id"),
        amount=money(payment, "amount"),
        reference=text(payment, "reference"),
        reason=text_or_nothing(payment, "reason"),
        pay_url=address(payment, "pay_url"),
        refunded_minor=money(payment, "refunded_amount").minor if "refunded_amount" in payment else 0,
    )


def _refund_answer(refund: Json) -> RefundSnapshot:
    reason = text_or_nothing(refund, "reason")
    return refund_snapshot(refund, REFUND_STATUSES, money(refund, "amount"), reason)
