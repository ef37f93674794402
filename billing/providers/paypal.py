"""PayPal, Orders v2.

Sources: checkout_orders_v2.json, payments_payment_v2.json and reporting_transactions_v1.json in
https://github.com/paypal/paypal-rest-api-specifications (commit ec4d8f36), and the pages named below.
"""

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta

from django.conf import settings

from billing.errors import BadAnswer, DeadlinePassed, NotFound, NotOffered, Refused, Unavailable, WrongCredentials
from billing.models import Payment, Refund
from billing.money import Money
from billing.providers.base import Account, CallbackHint, CallbackRequest, Movement, PaymentSnapshot, RefundSnapshot
from billing.providers.fields import Json, address, money, objects, part, refund_snapshot, text, text_or_nothing, utc
from billing.providers.http import Complaint, ProviderClient, basic, read_json, retry_after_s, word
from billing.providers.options import CALLS_REFUSED, api_url
from billing.states import RefundStatus, Status
from config import env

ORDERS = {  # order_status; COMPLETED says nothing about money, its capture does
    "CREATED": Status.PENDING,
    "SAVED": Status.PENDING,
    "PAYER_ACTION_REQUIRED": Status.PENDING,
    "APPROVED": Status.AUTHORIZED,  # the buyer has approved; no money has moved
    "VOIDED": Status.CANCELED,
}

CAPTURES = {  # capture_status
    "COMPLETED": Status.SUCCEEDED,
    "PARTIALLY_REFUNDED": Status.SUCCEEDED,
    "REFUNDED": Status.SUCCEEDED,
    "PENDING": Status.PENDING,
    "DECLINED": Status.FAILED,
    "FAILED": Status.FAILED,
}

REFUND_STATUSES = {  # refund_status
    "PENDING": RefundStatus.PENDING,
    "COMPLETED": RefundStatus.SUCCEEDED,
    "CANCELLED": RefundStatus.CANCELED,
    "FAILED": RefundStatus.FAILED,
}

TRANSACTIONS = {"S": Status.SUCCEEDED, "V": Status.SUCCEEDED, "P": Status.PENDING, "D": Status.FAILED}

# "This currency does not support decimals": https://developer.paypal.com/api/rest/reference/currency-codes/
WITHOUT_DECIMALS = frozenset({"HUF", "TWD"})

TOKEN_MARGIN_S = 60
"""How long before its end a token is replaced."""


class PayPal:
    """Money moves only when we capture an order that the buyer has approved: an order without a capture is unpaid.

    Callbacks are not verified. Both ways that PayPal documents (https://developer.paypal.com/api/rest/webhooks/rest)
    need a network call while PayPal waits for our answer: for a certificate, or to verify-webhook-signature. The order
    itself, read with our own token, proves more than either.
    """

    rate_limit_per_s = 20
    """PayPal publishes no number: https://developer.paypal.com/api/rest/reference/rate-limiting"""

    key_kept = timedelta(hours=20)
    lapse: timedelta | None = None
    forgets: timedelta | None = None
    bank_longest = timedelta(days=14)
    signature_headers: tuple[str, ...] = ()

    def __init__(self, account: Account) -> None:
        self._http = ProviderClient(account, {}, _read_complaint, "PayPal-Request-Id")
        self._token = _Token(self._http, basic(account.options["client_id"], account.options["client_secret"]))

    @staticmethod
    def read_options(prefix: str) -> dict[str, str]:
        return {
            "url": api_url(f"{prefix}_URL", "https://api-m.paypal.com"),
            "client_id": env.text(
                f"{prefix}_CLIENT_ID",
                help="The application's id at PayPal.", wrong=CALLS_REFUSED, example="AeA1QIZX…",
            ),
            "client_secret": env.secret(
                f"{prefix}_CLIENT_SECRET",
                help="The application's secret at PayPal.", wrong=CALLS_REFUSED, example="EGnHDxD_…",
            ),
        }  # fmt: skip

    def check_amount(self, amount: Money) -> None:
        """Every amount is taken."""

    def create(self, payment: Payment) -> PaymentSnapshot:
        unit = {
            "reference_id": "default",
            "custom_id": payment.reference,
            "description": payment.description or payment.reference,
            "amount": _as_json(payment.amount),
        }
        experience = {
            "return_url": payment.return_url,
            "cancel_url": payment.return_url,
            "user_action": "PAY_NOW",
            "shipping_preference": "NO_SHIPPING",
        }
        body = {
            "intent": "CAPTURE",
            "purchase_units": [unit],
            "payment_source": {"paypal": {"experience_context": experience}},
        }
        return _answer(self._post("/v2/checkout/orders", body, payment.idempotency_key))

    def status(self, provider_ref: str) -> PaymentSnapshot:
        return _answer(self._order(provider_ref))

    def capture(self, answer: PaymentSnapshot, idempotency_key: str) -> PaymentSnapshot:
        """Capture. After a refusal the order says why: already captured, or the buyer must choose again."""
        path = f"/v2/checkout/orders/{answer.provider_ref}/capture"
        try:
            return _answer(self._post(path, {}, idempotency_key))
        except (WrongCredentials, NotFound):
            raise
        except Refused:
            return self.status(answer.provider_ref)

    def cancel(self, provider_ref: str) -> PaymentSnapshot:
        """PayPal has no such call and needs none: an order that we do not capture is never paid, and expires."""
        answer = self.status(provider_ref)
        if answer.raw_status not in ORDERS:
            raise Refused(f"the order is {answer.raw_status}")
        return replace(answer, status=Status.CANCELED)

    def refund(self, refund: Refund) -> RefundSnapshot:
        capture = _capture(self._order(refund.payment.provider_ref))
        if capture is None:
            raise Refused("the order has no capture")
        path = f"/v2/payments/captures/{text(capture, 'id')}/refund"
        return _refund_answer(self._post(path, {"amount": _as_json(refund.amount)}, refund.idempotency_key))

    def refund_status(self, refund: Refund) -> RefundSnapshot:
        return _refund_answer(self._get(f"/v2/payments/refunds/{refund.provider_ref}"))

    def payments_between(self, start: datetime, end: datetime) -> Iterator[PaymentSnapshot]:
        """Payments that moved money; PayPal lists only those, up to three hours late.

        At most 31 days. Raises WrongCredentials for an account without the permission to search transactions.
        """
        query = {
            "start_date": utc(start, "seconds"),
            "end_date": utc(end, "seconds"),
            "fields": "transaction_info",
            "page_size": "500",
            "page": "1",
        }
        while True:
            found = self._get("/v1/reporting/transactions", query)
            infos = [part(each, "transaction_info") for each in objects(found, "transaction_details")]
            yield from (_transaction_answer(info) for info in infos if _is_payment(info, start, end))
            pages = found.get("total_pages")
            if not isinstance(pages, int) or int(query["page"]) >= pages:
                return
            query["page"] = str(int(query["page"]) + 1)

    def movements_between(self, start: datetime, end: datetime) -> Iterator[Movement]:
        raise NotOffered("it is not read yet")

    def verify(self, post: CallbackRequest) -> None:
        """PayPal's callbacks are not verified; see the class."""

    def read_callback(self, body: bytes) -> CallbackHint:
        """The callback names an order, or a capture with the order in its related_ids; others name no payment."""
        event = read_json(body)
        resource = part(event, "resource")
        order = text_or_nothing(part(part(resource, "supplementary_data"), "related_ids"), "order_id")
        units = resource.get("purchase_units")
        unit = units[0] if isinstance(units, list) and units and isinstance(units[0], dict) else resource
        reference = text_or_nothing(unit, "custom_id")
        return CallbackHint((order or text(resource, "id"),), reference, text(event, "event_type"))

    def _order(self, provider_ref: str) -> Json:
        return self._get(f"/v2/checkout/orders/{provider_ref}")

    def _get(self, path: str, query: Mapping[str, str] | None = None) -> Json:
        with self._token.header() as header:
            return self._http.get(path, query, header)

    def _post(self, path: str, body: Json, key: str) -> Json:
        """POST and get the whole object, not only its id; a repeat with the same key has no further effect."""
        with self._token.header() as header:
            return self._http.post(path, body, key, {**header, "Prefer": "return=representation"})


class _Token:
    """The access token of one account, for all threads of the process.

    "Rather than generate an OAuth 2.0 access token for each transaction, cache tokens":
    https://developer.paypal.com/api/rest/reference/rate-limiting. One thread fetches; the others wait for it, at most
    for the length of a call.
    """

    def __init__(self, http: ProviderClient, authorization: str) -> None:
        self._http, self._authorization = http, authorization
        self._lock = threading.Lock()
        self._value, self._ends_at = "", 0.0

    @contextmanager
    def header(self) -> Iterator[dict[str, str]]:
        """The header of one call. After 401 the token is no longer valid, and the next call fetches a new one."""
        token = self._get()
        try:
            yield {"Authorization": f"Bearer {token}"}
        except WrongCredentials as error:
            if not str(error).startswith("HTTP 401"):  # 403 is a refusal
                raise
            self._forget(token)
            raise Unavailable("the access token is no longer valid") from error

    def _get(self) -> str:
        """A valid token. Raises ProviderError if there is none."""
        if not self._lock.acquire(timeout=settings.PAYMENT_API_TIMEOUT_S):
            raise DeadlinePassed("another thread is fetching the access token")
        try:
            if time.monotonic() >= self._ends_at:
                self._fetch()
            return self._value
        finally:
            self._lock.release()

    def _forget(self, value: str) -> None:
        """Drop a refused token, unless another thread has already replaced it."""
        with self._lock:
            if self._value == value:
                self._ends_at = 0.0

    def _fetch(self) -> None:
        """https://developer.paypal.com/api/rest/authentication/"""
        form, headers = {"grant_type": "client_credentials"}, {"Authorization": self._authorization}
        answer = self._http.post_form("/v1/oauth2/token", form, headers=headers)
        lasts_s, value = answer.get("expires_in"), answer.get("access_token")
        if not (isinstance(lasts_s, int) and isinstance(value, str) and value.isascii() and value.isprintable()):
            raise BadAnswer("there is no access token in the answer")
        self._value, self._ends_at = value, time.monotonic() + lasts_s - TOKEN_MARGIN_S


def _answer(order: Json) -> PaymentSnapshot:
    """Our orders have one purchase unit, and a capture after we asked for the money."""
    raw_status, unit, capture = text(order, "status"), _unit(order), _capture(order)
    links = {link.get("rel"): link for link in objects(order, "links")} if "links" in order else {}
    amount = money(unit if capture is None else capture, "amount", "currency_code")
    if capture is not None:
        raw_status = f"{raw_status}/{text(capture, 'status')}"
    return PaymentSnapshot(
        status=ORDERS.get(raw_status) if capture is None else CAPTURES.get(text(capture, "status")),
        raw_status=raw_status,
        provider_ref=text(order, "id"),
        amount=amount,
        reference=text_or_nothing(unit, "custom_id"),
        reason=text_or_nothing(part(capture or {}, "status_details"), "reason"),
        pay_url=address(links.get("payer-action") or links.get("approve") or {}, "href"),
        refunded_minor=sum(_refunds(unit)),
    )


def _unit(order: Json) -> Json:
    unit = next(objects(order, "purchase_units"), None)
    if unit is None:
        raise BadAnswer("the order has no purchase unit")
    return unit


def _capture(order: Json) -> Json | None:
    """The capture that moved money, else the last one."""
    payments = part(_unit(order), "payments")
    captures = list(objects(payments, "captures")) if "captures" in payments else []
    paid = (each for each in captures if CAPTURES.get(str(each.get("status"))) == Status.SUCCEEDED)
    return next(paid, captures[-1] if captures else None)


def _refunds(unit: Json) -> Iterator[int]:
    payments = part(unit, "payments")
    for refund in objects(payments, "refunds") if "refunds" in payments else ():
        if refund.get("status") == "COMPLETED":
            yield money(refund, "amount", "currency_code").minor


def _refund_answer(refund: Json) -> RefundSnapshot:
    reason = text_or_nothing(part(refund, "status_details"), "reason")
    return refund_snapshot(refund, REFUND_STATUSES, money(refund, "amount", "currency_code"), reason)


def _is_payment(info: Json, start: datetime, end: datetime) -> bool:
    """T00…: a payment between accounts, to us and not by us. PayPal includes the end of the period, we do not.

    https://developer.paypal.com/docs/integration/direct/transaction-search/transaction-event-codes/
    """
    received = not str(part(info, "transaction_amount").get("value")).startswith("-")
    begun = datetime.fromisoformat(text(info, "transaction_initiation_date"))
    return received and str(info.get("transaction_event_code")).startswith("T00") and start <= begun < end


def _transaction_answer(info: Json) -> PaymentSnapshot:
    """With the order's id if PayPal refers to it, else the transaction's own id."""
    raw_status = text(info, "transaction_status")
    of_order = info.get("paypal_reference_id_type") == "ODR"
    return PaymentSnapshot(
        status=TRANSACTIONS.get(raw_status),
        raw_status=raw_status,
        provider_ref=text(info, "paypal_reference_id" if of_order else "transaction_id"),
        amount=money(info, "transaction_amount", "currency_code"),
        reference=text_or_nothing(info, "custom_field"),
    )


def _read_complaint(status: int, headers: Mapping[str, str], body: Json) -> Complaint:
    """`{"name": …, "details": [{"issue": …}]}`; 409 is "a previous call for the given resource is in progress"."""
    details = body.get("details")
    first = details[0] if isinstance(details, list) and details and isinstance(details[0], dict) else {}
    code = word(first.get("issue")) or word(body.get("name")) or word(body.get("error"))
    return Complaint(code, retry_after_s(headers), undecided=status == 409)


def _as_json(amount: Money) -> dict[str, str]:
    """Raises Refused for an amount that PayPal does not accept; nothing is rounded."""
    value = amount.value
    if amount.currency in WITHOUT_DECIMALS:
        value, _, parts = value.partition(".")
        if int(parts):
            raise Refused(f"PayPal does not accept {amount}")
    return {"currency_code": amount.currency, "value": value}
