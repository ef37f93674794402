"""YooKassa, API v3.

Source: https://yookassa.ru/developers/api/yookassa-openapi-specification.yaml (read in a public copy); other pages are
named where they are used. Every amount is a decimal string, with as many decimals as ISO 4217 says.
"""

import uuid
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from ipaddress import ip_address, ip_network

from billing.errors import Forged, NotOffered
from billing.models import Payment, Refund
from billing.money import Money
from billing.providers.base import Account, CallbackHint, CallbackRequest, Movement, PaymentSnapshot, RefundSnapshot
from billing.providers.fields import Json, address, money, objects, part, refund_snapshot, text, text_or_nothing, utc
from billing.providers.http import Complaint, ProviderClient, basic, read_json, retry_after_s, word
from billing.providers.options import CALLBACKS_REFUSED, CALLS_REFUSED, api_url
from billing.states import RefundStatus, Status
from config import env

# PaymentStatus. The reason of `canceled` decides, see CANCELLATIONS.
STATUSES = {
    "pending": Status.PENDING,
    "waiting_for_capture": Status.AUTHORIZED,
    "succeeded": Status.SUCCEEDED,
    "canceled": Status.FAILED,
}

# PaymentCancellationDetails.reason; the other sixteen of its twenty values mean that the payment was declined.
# https://yookassa.ru/developers/payment-acceptance/after-the-payment/declined-payments
CANCELLATIONS = {
    "canceled_by_merchant": Status.CANCELED,
    "expired_on_confirmation": Status.EXPIRED,
    "expired_on_capture": Status.EXPIRED,
    "deal_expired": Status.EXPIRED,
}

REFUND_STATUSES = {
    "pending": RefundStatus.PENDING,
    "succeeded": RefundStatus.SUCCEEDED,
    "canceled": RefundStatus.CANCELED,
}


class YooKassa:
    """One-stage payments: the money is taken as soon as the customer confirms.

    Callbacks are not signed. The proof is the payment itself, read with our own key. The networks of callbacks
    (https://yookassa.ru/developers/using-api/webhooks) can be checked too, with `<ACCOUNT>_CALLBACK_NETWORKS`.
    """

    rate_limit_per_s = 20
    """YooKassa publishes no number."""

    key_kept = timedelta(hours=20)
    """YooKassa keeps keys for 24 h: https://yookassa.ru/developers/using-api/interaction-format"""

    lapse: timedelta | None = timedelta(minutes=65)
    """With cards an unpaid payment ends after an hour, by a clock that is not ours:
    https://yookassa.ru/developers/payment-acceptance/after-the-payment/declined-payments
    """

    forgets: timedelta | None = None
    bank_longest = timedelta(days=14)
    signature_headers: tuple[str, ...] = ()

    def __init__(self, account: Account) -> None:
        options = account.options
        self._networks = [ip_network(each) for each in options["callback_networks"].split(",") if each]
        authorization = basic(options["shop_id"], options["secret_key"])
        # Required on every POST, and stored for a day: https://yookassa.ru/developers/using-api/interaction-format
        key_header = "Idempotence-Key"
        self._http = ProviderClient(account, {"Authorization": authorization}, _read_complaint, key_header)

    @staticmethod
    def read_options(prefix: str) -> dict[str, str]:
        networks = env.networks(
            f"{prefix}_CALLBACK_NETWORKS",
            help="Networks that may send callbacks; empty: all. Behind a proxy it needs `TRUSTED_PROXIES`, or the "
            "proxy counts as the sender.",
            wrong=CALLBACKS_REFUSED,
            example="185.71.76.0/27,77.75.153.0/25",
        )  # fmt: skip
        return {
            "url": api_url(f"{prefix}_URL", "https://api.yookassa.ru/v3"),
            "shop_id": env.text(
                f"{prefix}_SHOP_ID", help="The shop's number at YooKassa.", wrong=CALLS_REFUSED, example="100500"
            ),
            "secret_key": env.secret(
                f"{prefix}_SECRET_KEY", help="The shop's key at YooKassa.", wrong=CALLS_REFUSED, example="live_…"
            ),
            "callback_networks": ",".join(networks),
        }

    def check_amount(self, amount: Money) -> None:
        """Every amount is taken."""

    def create(self, payment: Payment) -> PaymentSnapshot:
        body = {
            "amount": payment.amount.as_json(),
            "capture": True,  # the default is false: the money would be held, and released after some days
            "confirmation": {"type": "redirect", "return_url": payment.return_url},
            "description": payment.description,
            "metadata": {"reference": payment.reference},
        }
        return _answer(self._http.post("/payments", body, payment.idempotency_key))

    def status(self, provider_ref: str) -> PaymentSnapshot:
        return _answer(self._http.get(f"/payments/{provider_ref}"))

    def cancel(self, provider_ref: str) -> PaymentSnapshot:
        """Only from `waiting_for_capture`. No body, and a new key each time: an old refusal may be stored."""
        return _answer(self._http.post(f"/payments/{provider_ref}/cancel", None, uuid.uuid4().hex))

    def refund(self, refund: Refund) -> RefundSnapshot:
        body = {"payment_id": refund.payment.provider_ref, "amount": refund.amount.as_json()}
        return _refund_answer(self._http.post("/refunds", body, refund.idempotency_key))

    def refund_status(self, refund: Refund) -> RefundSnapshot:
        return _refund_answer(self._http.get(f"/refunds/{refund.provider_ref}"))

    def payments_between(self, start: datetime, end: datetime) -> Iterator[PaymentSnapshot]:
        since, before = utc(start, "milliseconds"), utc(end, "milliseconds")
        query = {"created_at.gte": since, "created_at.lt": before, "limit": "100"}
        while True:
            page = self._http.get("/payments", query)
            yield from map(_answer, objects(page, "items"))
            if not page.get("next_cursor"):
                return
            query["cursor"] = text(page, "next_cursor")

    def movements_between(self, start: datetime, end: datetime) -> Iterator[Movement]:
        raise NotOffered("it is not read yet")

    def verify(self, post: CallbackRequest) -> None:
        if self._networks and not any(_is_in(post.sender, network) for network in self._networks):
            raise Forged("it came from outside the networks in CALLBACK_NETWORKS")

    def read_callback(self, body: bytes) -> CallbackHint:
        event = read_json(body)
        subject, name = part(event, "object"), text(event, "event")
        id_field = "payment_id" if name.startswith("refund.") else "id"
        return CallbackHint((text(subject, id_field),), text_or_nothing(part(subject, "metadata"), "reference"), name)


def _read_complaint(status: int, headers: Mapping[str, str], body: Json) -> Complaint:
    """The schema Error; `retry_after` is in the body, in milliseconds."""
    wait_ms = body.get("retry_after")
    wait_s = wait_ms / 1000 if isinstance(wait_ms, int) and 0 <= wait_ms < 10**8 else retry_after_s(headers)
    return Complaint(word(body.get("code")), wait_s)


def _answer(payment: Json) -> PaymentSnapshot:
    raw_status = text(payment, "status")
    reason = text_or_nothing(part(payment, "cancellation_details"), "reason")
    status = STATUSES.get(raw_status)
    return PaymentSnapshot(
        status=CANCELLATIONS.get(reason, status) if raw_status == "canceled" else status,
        raw_status=raw_status,
        provider_ref=text(payment, "id"),
        amount=money(payment, "amount"),
        reference=text_or_nothing(part(payment, "metadata"), "reference"),
        reason=reason,
        pay_url=address(part(payment, "confirmation"), "confirmation_url"),
        refunded_minor=money(payment, "refunded_amount").minor if "refunded_amount" in payment else 0,
    )


def _refund_answer(refund: Json) -> RefundSnapshot:
    reason = text_or_nothing(part(refund, "cancellation_details"), "reason")
    return refund_snapshot(refund, REFUND_STATUSES, money(refund, "amount"), reason)


def _is_in(sender: str, network: object) -> bool:
    try:
        return ip_address(sender) in network  # type: ignore[operator]
    except ValueError:
        return False
