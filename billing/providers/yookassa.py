"""YooKassa, API v3.

Source: https://yookassa.ru/developers/api/yookassa-openapi-specification.yaml (read in a public copy); other pages are
named where they are used. Every amount is a decimal string, with as many decimals as ISO 4217 says.
"""

import uuid
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from ipaddress import ip_address, ip_network
from typing import TypeVar

from billing.errors import BadAnswer, Forged
from billing.models import Advice, Payment, Refund
from billing.money import Money
from billing.providers.amounts import check_currency, check_smallest
from billing.providers.base import Account, CallbackHint, CallbackRequest, Movement, PaymentSnapshot, RefundSnapshot
from billing.providers.fields import (
    Json,
    address,
    callback_hint,
    id_or_nothing,
    money,
    part,
    refund_snapshot,
    rows,
    text,
    text_or_nothing,
    utc,
)
from billing.providers.http import Complaint, ProviderClient, basic, parameter, read_json, retry_after_s, word
from billing.providers.ids import Ids
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

# What the same page advises after each reason for which a payment was declined.
DECLINES = {
    "3d_secure_failed": Advice.AGAIN,
    "call_issuer": Advice.BANK,
    "card_expired": Advice.OTHER,
    "country_forbidden": Advice.OTHER,
    "fraud_suspected": Advice.OTHER,
    "general_decline": Advice.BANK,
    "identification_required": Advice.OTHER,
    "insufficient_funds": Advice.OTHER,
    "internal_timeout": Advice.AGAIN,
    "invalid_card_number": Advice.AGAIN,
    "invalid_csc": Advice.AGAIN,
    "issuer_unavailable": Advice.AGAIN,
    "payment_method_limit_exceeded": Advice.OTHER,
    "payment_method_restricted": Advice.BANK,
    "permission_revoked": Advice.AGAIN,
    "unsupported_mobile_operator": Advice.OTHER,
}

CURRENCIES = frozenset({"RUB", "EUR", "USD", "KZT", "BYN", "UAH", "UZS", "TRY", "INR", "MDL", "AZN", "AMD"})
"""CurrencyCode of the specification; an account takes one of them."""

SMALLEST = Money(1_00, "RUB")
"""https://yookassa.ru/developers/payment-methods/bank-card; for other currencies nothing is published."""

REFUND_STATUSES = {
    "pending": RefundStatus.PENDING,
    "succeeded": RefundStatus.SUCCEEDED,
    "canceled": RefundStatus.CANCELED,
}

A = TypeVar("A")

IDS = Ids(r"[A-Za-z0-9-]{1,36}")
"""Like `2d5d1b1e-000f-5000-8000-1b2c3d4e5f60`; some examples of the specification are shorter."""


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
    """Payments are listed for three years (GET /payments of the specification)."""

    bank_longest = timedelta(days=3)
    """Nothing is published; the slowest of its ways to pay, an invoice in the bank of a company, ends after 8 hours:
    https://yookassa.ru/developers/payments/basics/payment-methods
    """

    pay_hosts: tuple[str, ...] = ("yoomoney.ru", ".yoomoney.ru", "yookassa.ru", ".yookassa.ru")
    """ConfirmationRedirect.confirmation_url in the specification; both names are the company's."""

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
            # all of https://yookassa.ru/developers/using-api/webhooks#ip
            example="185.71.76.0/27,185.71.77.0/27,77.75.153.0/25,77.75.156.11,77.75.156.35,77.75.154.128/25,"
            "2a02:5180::/32",
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
        check_currency("YooKassa", amount, CURRENCIES)
        if amount.currency == SMALLEST.currency:
            check_smallest("YooKassa", amount, SMALLEST)

    def create(self, payment: Payment) -> PaymentSnapshot:
        self.check_amount(payment.amount)
        body = {
            "amount": payment.amount.as_json(),
            "capture": True,  # the default is false: the money would be held, and released after some days
            "confirmation": {"type": "redirect", "return_url": payment.return_url},
            "description": payment.description,
            "metadata": {"reference": payment.reference},
        }
        return _answer(self._http.post("/payments", body, payment.idempotency_key))

    def status(self, provider_ref: str) -> PaymentSnapshot:
        return _answer(self._http.get(IDS.path("/payments/{}", provider_ref)))

    def cancel(self, provider_ref: str) -> PaymentSnapshot:
        """Only from `waiting_for_capture`. No body, and a new key each time: an old refusal may be stored."""
        return _answer(self._http.post(IDS.path("/payments/{}/cancel", provider_ref), None, uuid.uuid4().hex))

    def refund(self, refund: Refund) -> RefundSnapshot:
        body = {"payment_id": refund.payment.provider_ref, "amount": refund.amount.as_json()}
        return _refund_answer(self._http.post("/refunds", body, refund.idempotency_key))

    def refund_status(self, refund: Refund) -> RefundSnapshot:
        return _refund_answer(self._http.get(IDS.path("/refunds/{}", refund.provider_ref)))

    def payments_between(self, start: datetime, end: datetime) -> Iterator[PaymentSnapshot | BadAnswer]:
        return self._list("/payments", start, end, _answer)

    def movements_between(self, start: datetime, end: datetime) -> Iterator[Movement | BadAnswer]:
        """Refunds; YooKassa's API has no disputes."""
        return self._list("/refunds", start, end, _movement)

    def verify(self, post: CallbackRequest) -> bool:
        if self._networks and not any(_is_in(post.sender, network) for network in self._networks):
            raise Forged("it came from outside the networks in CALLBACK_NETWORKS")
        return bool(self._networks)

    def read_callback(self, body: bytes) -> CallbackHint:
        """A refund names its payment."""
        event = read_json(body)
        subject, name = part(event, "object"), text(event, "event")
        ids = [id_or_nothing(subject.get(field)) for field in ("payment_id", "id")]
        return callback_hint(ids, text_or_nothing(part(subject, "metadata"), "reference"), name)

    def _list(self, path: str, start: datetime, end: datetime, read: Callable[[Json], A]) -> Iterator[A | BadAnswer]:
        since, before = utc(start, "milliseconds"), utc(end, "milliseconds")
        query = {"created_at.gte": since, "created_at.lt": before, "limit": "100"}
        while True:
            page = self._http.get(path, query)
            yield from rows(page, "items", read)
            if not page.get("next_cursor"):
                return
            query["cursor"] = text(page, "next_cursor")


def _read_complaint(status: int, headers: Mapping[str, str], body: Json) -> Complaint:
    """The schema Error; `retry_after` is in the body, in milliseconds."""
    wait_ms = body.get("retry_after")
    wait_s = wait_ms / 1000 if isinstance(wait_ms, int) and 0 <= wait_ms < 10**8 else retry_after_s(headers)
    return Complaint(word(body.get("code")), wait_s, parameter=parameter(body.get("parameter")))


def _answer(payment: Json) -> PaymentSnapshot:
    """`confirmation` is "present while the payment waits for the user's confirmation" (the schema Confirmation): a
    pending payment without it waits for the bank.
    """
    raw_status = text(payment, "status")
    reason = text_or_nothing(part(payment, "cancellation_details"), "reason")
    status = STATUSES.get(raw_status)
    return PaymentSnapshot(
        status=CANCELLATIONS.get(reason, status) if raw_status == "canceled" else status,
        raw_status=raw_status,
        provider_ref=IDS.read(payment),
        amount=money(payment, "amount"),
        reference=text_or_nothing(part(payment, "metadata"), "reference"),
        reason=reason,
        pay_url=address(part(payment, "confirmation"), "confirmation_url"),
        refunded_minor=money(payment, "refunded_amount").minor if payment.get("refunded_amount") is not None else 0,
        advice=DECLINES.get(reason, Advice.NONE),
        is_working=status == Status.PENDING and payment.get("confirmation") is None,
    )


def _movement(refund: Json) -> Movement:
    return Movement(text(refund, "id"), (text(refund, "payment_id"),))


def _refund_answer(refund: Json) -> RefundSnapshot:
    reason = text_or_nothing(part(refund, "cancellation_details"), "reason")
    return refund_snapshot(IDS.read(refund), refund, REFUND_STATUSES, money(refund, "amount"), reason)


def _is_in(sender: str, network: object) -> bool:
    try:
        return ip_address(sender) in network  # type: ignore[operator]
    except ValueError:
        return False
