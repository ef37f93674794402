"""PayPal, Orders v2.

Sources: checkout_orders_v2.json, payments_payment_v2.json, reporting_transactions_v1.json and customer_disputes_v1.json
in https://github.com/paypal/paypal-rest-api-specifications (commit ec4d8f36), and the pages named below.
"""

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

from billing.errors import BadAnswer, NotFound, Refused, WrongCredentials
from billing.models import Payment, Refund
from billing.money import Money
from billing.providers.amounts import check_currency, not_accepted
from billing.providers.base import (
    Account,
    CallbackHint,
    CallbackRequest,
    DisputeSnapshot,
    Movement,
    PaymentSnapshot,
    RefundSnapshot,
)
from billing.providers.fields import Json, objects_or_none, rows, utc
from billing.providers.http import ProviderClient, basic
from billing.providers.options import CALLS_REFUSED, api_url
from billing.providers.paypal.answers import (
    DECLINES,
    IDS,
    ORDERS,
    capture_of,
    order_answer,
    read_complaint,
    read_hint,
    refund_answer,
)
from billing.providers.paypal.disputes import dispute_answer
from billing.providers.paypal.reports import movement_row, payment_row
from billing.providers.paypal.token import Token
from billing.states import Status
from config import env

log = logging.getLogger(__name__)

A = TypeVar("A")

# https://developer.paypal.com/api/rest/reference/currency-codes/: what it takes, and "does not support decimals"; the
# yen has none in ISO 4217 either.
CURRENCIES = frozenset({
    "AUD", "BRL", "CAD", "CHF", "CNY", "CZK", "DKK", "EUR", "GBP", "HKD", "HUF", "ILS", "JPY", "MXN", "MYR", "NOK",
    "NZD", "PHP", "PLN", "RUB", "SEK", "SGD", "THB", "TWD", "USD",
})  # fmt: skip
WITHOUT_DECIMALS = frozenset({"HUF", "TWD"})

LONGEST_DESCRIPTION = 127
"""purchase_unit_request.description"""


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
    forgets: timedelta | None = timedelta(hours=3)
    """"The API caller has 3 hours … from the time the order is created, to redirect your payer" (Order.links); PayPal
    grants up to 72 hours on request.
    """

    bank_longest = timedelta(days=14)
    """An eCheque takes four to seven working days, and is tried a second time within three:
    https://www.paypal.com/ca/cshelp/article/what-is-an-echeck-help285
    """

    pay_hosts: tuple[str, ...] = ("www.paypal.com", "www.sandbox.paypal.com")
    """The links `payer-action` and `approve` of the examples of orders.create in checkout_orders_v2.json."""

    signature_headers: tuple[str, ...] = ()

    def __init__(self, account: Account) -> None:
        self._account, self._disputes_denied = account, False
        self._http = ProviderClient(account, {}, read_complaint, "PayPal-Request-Id")
        self._token = Token(self._http, basic(account.options["client_id"], account.options["client_secret"]))

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
        check_currency("PayPal", amount, CURRENCIES)
        _as_json(amount)

    def create(self, payment: Payment) -> PaymentSnapshot:
        self.check_amount(payment.amount)
        unit = {
            "reference_id": "default",
            "custom_id": payment.reference,
            "description": (payment.description or payment.reference)[:LONGEST_DESCRIPTION],
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
        return order_answer(self._post("/v2/checkout/orders", body, payment.idempotency_key))

    def status(self, provider_ref: str) -> PaymentSnapshot:
        return order_answer(self._order(provider_ref))

    def capture(self, answer: PaymentSnapshot, idempotency_key: str) -> PaymentSnapshot:
        """Capture. After a refusal the order says more: it is already captured, or the buyer must choose again."""
        path = IDS.path("/v2/checkout/orders/{}/capture", answer.provider_ref)
        try:
            return order_answer(self._post(path, {}, idempotency_key))
        except (WrongCredentials, NotFound):
            raise
        except Refused as refusal:
            return _after_refusal(self.status(answer.provider_ref), answer, refusal)

    def cancel(self, provider_ref: str) -> PaymentSnapshot:
        """PayPal has no such call and needs none: an order that we do not capture is never paid, and expires."""
        answer = self.status(provider_ref)
        if answer.raw_status not in ORDERS:
            raise Refused(f"the order is {answer.raw_status}")
        return replace(answer, status=Status.CANCELED)

    def refund(self, refund: Refund) -> RefundSnapshot:
        capture = capture_of(self._order(refund.payment.provider_ref))
        if capture is None:
            raise Refused("the order has no capture")
        path = IDS.path("/v2/payments/captures/{}/refund", IDS.read(capture))
        return refund_answer(self._post(path, {"amount": _as_json(refund.amount)}, refund.idempotency_key))

    def refund_status(self, refund: Refund) -> RefundSnapshot:
        return refund_answer(self._get(IDS.path("/v2/payments/refunds/{}", refund.provider_ref)))

    def payments_between(self, start: datetime, end: datetime) -> Iterator[PaymentSnapshot | BadAnswer]:
        """Payments that moved money; PayPal lists only those, up to three hours late.

        At most 31 days. Raises WrongCredentials for an account without the permission to search transactions.
        """
        return self._transactions(start, end, partial(payment_row, start=start, end=end))

    def movements_between(self, start: datetime, end: datetime) -> Iterator[Movement | BadAnswer]:
        """From the same list, with the same limits."""
        return self._transactions(start, end, partial(movement_row, start=start, end=end))

    def disputes_of(self, answer: PaymentSnapshot) -> list[DisputeSnapshot]:
        """None if the application may not read disputes ("enable Disputes in the App feature options"):
        https://developer.paypal.com/docs/api/customer-disputes/v1/
        """
        if not answer.refs:
            return []
        try:
            found = self._get("/v1/customer/disputes", {"disputed_transaction_id": answer.refs[0]})
        except NotFound:
            return []
        except WrongCredentials as error:
            self._note_denied(error)
            return []
        ids = [IDS.read(each, "dispute_id") for each in objects_or_none(found, "items")]
        return [dispute_answer(self._get(IDS.path("/v1/customer/disputes/{}", each))) for each in ids]

    def verify(self, post: CallbackRequest) -> bool:
        """PayPal's callbacks are not verified; see the class."""
        return False

    def read_callback(self, body: bytes) -> CallbackHint:
        return read_hint(body)

    def _transactions(
        self, start: datetime, end: datetime, read: Callable[[Json], A | None]
    ) -> Iterator[A | BadAnswer]:
        query = {
            "start_date": utc(start, "seconds"),
            "end_date": utc(end, "seconds"),
            "fields": "transaction_info",
            "page_size": "500",
            "page": "1",
        }
        while True:
            found = self._get("/v1/reporting/transactions", query)
            yield from rows(found, "transaction_details", read)
            pages = found.get("total_pages")
            if not found["transaction_details"] or not isinstance(pages, int) or int(query["page"]) >= pages:
                return
            query["page"] = str(int(query["page"]) + 1)

    def _note_denied(self, error: WrongCredentials) -> None:
        """Once in the log of each process."""
        if not self._disputes_denied:
            log.warning("disputes.not_permitted", extra={"account": self._account.name, "error": str(error)})
        self._disputes_denied = True

    def _order(self, provider_ref: str) -> Json:
        return self._get(IDS.path("/v2/checkout/orders/{}", provider_ref))

    def _get(self, path: str, query: Mapping[str, str] | None = None) -> Json:
        with self._token.header() as header:
            return self._http.get(path, query, header)

    def _post(self, path: str, body: Json, key: str) -> Json:
        """POST and get the whole object, not only its id; a repeat with the same key has no further effect."""
        with self._token.header() as header:
            return self._http.post(path, body, key, {**header, "Prefer": "return=representation"})


def _after_refusal(order: PaymentSnapshot, asked: PaymentSnapshot, refusal: Refused) -> PaymentSnapshot:
    """What the order says after its capture was refused. A declined buyer must approve again.

    The declined approval is that of the order as it is now, because a declined capture may have changed its time.
    """
    if order.raw_status not in ORDERS or order.status == Status.CANCELED:
        return order
    if refusal.code not in DECLINES:
        return replace(order, reason=refusal.code)
    return replace(
        order,
        status=Status.PENDING,
        reason=refusal.code,
        advice=DECLINES[refusal.code],
        approval="",
        approved_at=None,
        declined_approval=order.approval or asked.approval,
    )


def _as_json(amount: Money) -> dict[str, str]:
    """Raises AmountNotAccepted for too many decimals; nothing is rounded."""
    value = amount.value
    if amount.currency in WITHOUT_DECIMALS:
        value, _, parts = value.partition(".")
        if int(parts):
            raise not_accepted("PayPal", amount, f"it takes no decimals in {amount.currency}")
    return {"currency_code": amount.currency, "value": value}
