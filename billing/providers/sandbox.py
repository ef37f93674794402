"""The sandbox: the provider that ships with the project. `billing/sandbox/` is its server."""

import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import TypeVar
from urllib.parse import urlsplit

from django.conf import settings

from billing.errors import BadAnswer
from billing.models import Advice, Payment, Refund
from billing.money import Money
from billing.providers.amounts import check_smallest
from billing.providers.base import (
    Account,
    CallbackHint,
    CallbackRequest,
    DisputeSnapshot,
    Movement,
    PaymentSnapshot,
    RefundSnapshot,
)
from billing.providers.fields import (
    Json,
    address,
    callback_hint,
    moment,
    money,
    objects,
    part,
    refund_snapshot,
    rows,
    text,
    text_or_nothing,
)
from billing.providers.http import ProviderClient, read_json
from billing.providers.ids import Ids
from billing.providers.options import CALLBACKS_REFUSED, CALLS_REFUSED, api_url, own_secret
from billing.states import DisputeStatus, RefundStatus, Status

A = TypeVar("A")

IDS = Ids(r"[A-Za-z0-9_-]{1,64}")
"""Two letters and a URL-safe token, like `sb_3P9y…`."""

STATUSES = {status.value: status for status in Status if status != Status.CREATED}
REFUND_STATUSES = {each.value: each for each in (RefundStatus.PENDING, RefundStatus.SUCCEEDED, RefundStatus.FAILED)}
DISPUTE_STATUSES = {each.value: each for each in DisputeStatus}

ADVICE = {  # the reason of a failed payment; only the first has a button, the others come from drills
    "card_declined": Advice.OTHER,
    "insufficient_funds": Advice.OTHER,
    "transfer_refused": Advice.OTHER,
    "bank_unavailable": Advice.AGAIN,
    "suspected_fraud": Advice.BANK,
}


class Sandbox:
    """JSON over HTTP, amounts as decimal strings, an `Idempotency-Key` for everything created."""

    rate_limit_per_s = 0
    key_kept = timedelta(hours=20)  # the sandbox keeps keys for ever; real providers do not
    lapse: timedelta | None = None
    forgets: timedelta | None = timedelta(hours=24)  # it forgets when a drill says so, to try what others do unasked
    bank_longest = timedelta(days=14)
    signature_headers: tuple[str, ...] = ("sandbox-signature",)

    def __init__(self, account: Account) -> None:
        self.pay_hosts: tuple[str, ...] = (urlsplit(account.options["url"]).hostname or "",)
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
        """Every amount of money is taken, but nothing is not an amount."""
        check_smallest("The sandbox", amount, Money(1, amount.currency))

    def create(self, payment: Payment) -> PaymentSnapshot:
        self.check_amount(payment.amount)
        body = {
            "amount": payment.amount.as_json(),
            "reference": payment.reference,
            "description": payment.description,
            "return_url": payment.return_url,
            "callback_url": f"{settings.SHOP_URL}/callbacks/{self._account.name}/",
        }
        return _answer(self._http.post("/v1/payments", body, payment.idempotency_key))

    def status(self, provider_ref: str) -> PaymentSnapshot:
        return _answer(self._http.get(IDS.path("/v1/payments/{}", provider_ref)))

    def cancel(self, provider_ref: str) -> PaymentSnapshot:
        return _answer(self._http.post(IDS.path("/v1/payments/{}/cancel", provider_ref), {}))

    def refund(self, refund: Refund) -> RefundSnapshot:
        path = IDS.path("/v1/payments/{}/refunds", refund.payment.provider_ref)
        body = {"amount": refund.amount.as_json()}
        return _refund_answer(self._http.post(path, body, refund.idempotency_key))

    def refund_status(self, refund: Refund) -> RefundSnapshot:
        return _refund_answer(self._http.get(IDS.path("/v1/refunds/{}", refund.provider_ref)))

    def payments_between(self, start: datetime, end: datetime) -> Iterator[PaymentSnapshot | BadAnswer]:
        return self._listed("payments", _created(start, end), _answer)

    def movements_between(self, start: datetime, end: datetime) -> Iterator[Movement | BadAnswer]:
        for name in ("refunds", "disputes"):
            yield from self._listed(name, _created(start, end), _movement)

    def disputes_of(self, answer: PaymentSnapshot) -> list[DisputeSnapshot]:
        pages = self._pages("disputes", {"payment": answer.provider_ref})
        return [_dispute_answer(each) for page in pages for each in objects(page, "disputes")]

    def verify(self, post: CallbackRequest) -> bool:
        post.check_signature("sandbox-signature", self._account.options["callback_secret"], time.time())
        return True

    def read_callback(self, body: bytes) -> CallbackHint:
        event = read_json(body)
        payment, subject = part(event, "payment"), part(event, "refund") or part(event, "dispute")
        ids = (text(payment, "id"), text_or_nothing(payment, "charge"), text_or_nothing(subject, "id"))
        return callback_hint(ids, text(payment, "reference"), text(event, "type"))

    def _listed(self, name: str, query: dict[str, str], read: Callable[[Json], A]) -> Iterator[A | BadAnswer]:
        """All rows of a list, oldest first."""
        for page in self._pages(name, query):
            yield from rows(page, name, read)

    def _pages(self, name: str, query: dict[str, str]) -> Iterator[Json]:
        while True:
            page = self._http.get("/v1/" + name, query)
            yield page
            if not page.get("next"):
                return
            query["after"] = text(page, "next")


def _created(start: datetime, end: datetime) -> dict[str, str]:
    return {"created_from": start.isoformat(), "created_to": end.isoformat()}


def _answer(payment: Json) -> PaymentSnapshot:
    raw_status, reason = text(payment, "status"), text_or_nothing(payment, "reason")
    return PaymentSnapshot(
        status=STATUSES.get(raw_status),
        raw_status=raw_status,
        provider_ref=IDS.read(payment),
        amount=money(payment, "amount"),
        reference=text(payment, "reference"),
        reason=reason,
        pay_url=address(payment, "pay_url"),
        refunded_minor=money(payment, "refunded_amount").minor if "refunded_amount" in payment else 0,
        refs=(text(payment, "charge"),) if "charge" in payment else (),
        advice=ADVICE.get(reason, Advice.NONE) if raw_status == Status.FAILED else Advice.NONE,
        is_working=payment.get("working") is True,
        is_disputed=payment.get("disputed") is True,
    )


def _movement(row: Json) -> Movement:
    return Movement(text(row, "id"), (text(row, "payment_id"), text(row, "charge")))


def _refund_answer(refund: Json) -> RefundSnapshot:
    reason = text_or_nothing(refund, "reason")
    return refund_snapshot(IDS.read(refund), refund, REFUND_STATUSES, money(refund, "amount"), reason)


def _dispute_answer(dispute: Json) -> DisputeSnapshot:
    raw_status = text(dispute, "status")
    return DisputeSnapshot(
        status=DISPUTE_STATUSES.get(raw_status),
        raw_status=raw_status,
        provider_ref=IDS.read(dispute),
        amount=money(dispute, "amount"),
        opened_at=moment(dispute, "created_at"),
        reason=text_or_nothing(dispute, "reason"),
        fee_minor=money(dispute, "fee").minor,
        evidence_due_at=moment(dispute, "evidence_due_at"),
        is_inquiry=dispute.get("inquiry") is True,
    )
