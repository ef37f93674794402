"""Stripe, API v1: Checkout Sessions, and PaymentIntents that were made elsewhere.

Sources: https://github.com/stripe/openapi, and for fields and their values the client generated from it,
https://github.com/stripe/stripe-python, at the version pinned below.
"""

import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from billing.errors import BadAnswer, NotOffered, Refused, StoredFailure
from billing.models import Payment, Refund
from billing.money import Money, decimals
from billing.providers.base import Account, CallbackHint, CallbackRequest, Movement, PaymentSnapshot, RefundSnapshot
from billing.providers.fields import Json, address, objects, part, refund_snapshot, text, text_or_nothing
from billing.providers.http import Complaint, ProviderClient, read_json, retry_after_s, word
from billing.providers.options import CALLBACKS_REFUSED, CALLS_REFUSED, api_url
from billing.states import RefundStatus, Status
from config import env

VERSION = "2026-06-24.dahlia"
"""The API version of all calls; it overrides the account's own version: https://docs.stripe.com/api/versioning"""

INTENTS = {  # PaymentIntent.status; a declined payment stays open, because the customer may try again
    "requires_payment_method": Status.PENDING,
    "requires_confirmation": Status.PENDING,
    "requires_action": Status.PENDING,
    "processing": Status.PENDING,
    "requires_capture": Status.AUTHORIZED,
    "succeeded": Status.SUCCEEDED,
    "canceled": Status.CANCELED,
}

REFUND_STATUSES = {  # Refund.status
    "pending": RefundStatus.PENDING,
    "requires_action": RefundStatus.PENDING,
    "succeeded": RefundStatus.SUCCEEDED,
    "failed": RefundStatus.FAILED,
    "canceled": RefundStatus.CANCELED,
}

# https://docs.stripe.com/currencies#special-cases: "backwards compatibility requires you to represent it as a
# two-decimal value" (ISK, UGX); #zero-decimal counts MGA among them, which has two in ISO 4217; and three-decimal
# amounts "require the least-significant (last) digit to be 0".
DECIMALS = {"ISK": 2, "UGX": 2, "MGA": 0}

SESSION_LONGEST = timedelta(hours=24)  # expires_at: "anywhere from 30 minutes to 24 hours after … creation"
SESSION_SHORTEST = timedelta(minutes=30)
CLOCKS_APART = timedelta(minutes=5)


class Stripe:
    """A payment is a Checkout Session, `cs_…`; a PaymentIntent, `pi_…`, can be read and canceled too."""

    rate_limit_per_s = 20
    """Stripe takes 25 a second for each of its endpoints, and all checks are one (https://docs.stripe.com/rate-limits).
    The other five are for customers: `rate.BURST_CALLS`.
    """

    key_kept = timedelta(hours=20)
    """Stripe keeps keys for at least 24 h: https://docs.stripe.com/api/idempotent_requests"""

    lapse: timedelta | None = None
    forgets: timedelta | None = None
    bank_longest = timedelta(days=14)
    signature_headers: tuple[str, ...] = ("stripe-signature",)

    def __init__(self, account: Account) -> None:
        self._account = account
        headers = {"Authorization": f"Bearer {account.options['secret_key']}", "Stripe-Version": VERSION}
        self._http = ProviderClient(account, headers, _read_complaint)

    @staticmethod
    def read_options(prefix: str) -> dict[str, str]:
        return {
            "url": api_url(f"{prefix}_URL", "https://api.stripe.com/v1"),
            "secret_key": env.secret(
                f"{prefix}_SECRET_KEY",
                help="The account's key, secret or restricted.", wrong=CALLS_REFUSED, example="sk_live_…",
            ),
            "callback_secret": env.secret(
                f"{prefix}_CALLBACK_SECRET",
                help="Signing secret of the webhook endpoint.", wrong=CALLBACKS_REFUSED, example="whsec_…",
            ),
        }  # fmt: skip

    def check_amount(self, amount: Money) -> None:
        """Every amount is taken."""

    def create(self, payment: Payment) -> PaymentSnapshot:
        """Create a session. Stripe may store a 5xx under our key, and would return it for a day.

        https://docs.stripe.com/api/idempotent_requests. Then the session is searched, and if there is none, another one
        is created with a second key. If both exist, only one can be paid: the customer is sent only there.
        """
        try:
            return self._create(payment, payment.idempotency_key)
        except StoredFailure:
            since = {"created[gte]": str(_seconds(payment.created_at - CLOCKS_APART))}
            found = self._search("/checkout/sessions", since, "payment", payment.idempotency_key)
            return _session_answer(found) if found else self._create(payment, f"{payment.idempotency_key}-2")

    def status(self, provider_ref: str) -> PaymentSnapshot:
        if _is_intent(provider_ref):
            return _intent_answer(self._http.get(f"/payment_intents/{provider_ref}", {"expand[0]": "latest_charge"}))
        return _session_answer(self._session(provider_ref))

    def cancel(self, provider_ref: str) -> PaymentSnapshot:
        """Cancel an intent, or expire a session, which must be open; both calls may be repeated."""
        if _is_intent(provider_ref):
            return _intent_answer(self._http.post_form(f"/payment_intents/{provider_ref}/cancel", {}))
        answer = _session_answer(self._http.post_form(f"/checkout/sessions/{provider_ref}/expire", {}))
        return replace(answer, status=Status.CANCELED) if answer.status == Status.EXPIRED else answer

    def refund(self, refund: Refund) -> RefundSnapshot:
        """Create a refund. After a stored 5xx it is searched, never created again: money would move twice."""
        intent = self._intent_of(refund.payment.provider_ref)
        form = {
            "payment_intent": intent,
            "amount": _to_stripe(refund.amount),
            "metadata": {"refund": refund.idempotency_key},
        }
        try:
            return _refund_answer(self._http.post_form("/refunds", form, refund.idempotency_key))
        except StoredFailure:
            found = self._search("/refunds", {"payment_intent": intent}, "refund", refund.idempotency_key)
            if found is None:
                raise
            return _refund_answer(found)

    def refund_status(self, refund: Refund) -> RefundSnapshot:
        return _refund_answer(self._http.get(f"/refunds/{refund.provider_ref}"))

    def payments_between(self, start: datetime, end: datetime) -> Iterator[PaymentSnapshot]:
        """Sessions only: each of our payments is one."""
        query = {
            "created[gte]": str(_seconds(start)),
            "created[lt]": str(_seconds(end)),
            "limit": "100",
            "expand[0]": "data.payment_intent.latest_charge",
        }
        while True:
            page = self._http.get("/checkout/sessions", query)
            sessions = list(objects(page, "data"))
            yield from map(_session_answer, sessions)
            if not sessions or not page.get("has_more"):
                return
            query["starting_after"] = text(sessions[-1], "id")

    def movements_between(self, start: datetime, end: datetime) -> Iterator[Movement]:
        raise NotOffered("it is not read yet")

    def verify(self, post: CallbackRequest) -> None:
        post.check_signature("stripe-signature", self._account.options["callback_secret"], time.time())

    def read_callback(self, body: bytes) -> CallbackHint:
        event = read_json(body)
        subject = part(part(event, "data"), "object")
        return CallbackHint((text(subject, "id"),), _reference(subject), text(event, "type"))

    def _create(self, payment: Payment, key: str) -> PaymentSnapshot:
        return _session_answer(self._http.post_form("/checkout/sessions", _session_form(payment), key))

    def _search(self, path: str, query: dict[str, str], name: str, key: str) -> Json | None:
        """The one that carries our key, among the hundred newest."""
        found = objects(self._http.get(path, {**query, "limit": "100"}), "data")
        return next((each for each in found if part(each, "metadata").get(name) == key), None)

    def _session(self, provider_ref: str) -> Json:
        return self._http.get(f"/checkout/sessions/{provider_ref}", {"expand[0]": "payment_intent.latest_charge"})

    def _intent_of(self, provider_ref: str) -> str:
        if _is_intent(provider_ref):
            return provider_ref
        return text(part(self._session(provider_ref), "payment_intent"), "id")


def _session_form(payment: Payment) -> Json:
    """The same form for every repeat, because a key belongs to one form. Adaptive pricing would change the currency."""
    price = {
        "currency": payment.currency.lower(),
        "unit_amount": _to_stripe(payment.amount),
        "product_data": {"name": payment.description or payment.reference},
    }
    metadata = {"reference": payment.reference, "payment": payment.idempotency_key}
    return {
        "mode": "payment",
        "line_items": [{"price_data": price, "quantity": 1}],
        "success_url": payment.return_url,
        "cancel_url": payment.return_url,
        "client_reference_id": payment.reference,
        "metadata": metadata,
        "payment_intent_data": {"metadata": metadata},
        "adaptive_pricing": {"enabled": "false"},
        "expires_at": _seconds(_session_end(payment)),
    }


def _session_end(payment: Payment) -> datetime:
    """Late enough for a session created in the window's last minute; we expire it when the window ends."""
    latest = payment.created_at + SESSION_LONGEST - CLOCKS_APART
    return min(payment.window_ends_at + SESSION_SHORTEST + CLOCKS_APART, latest)


def _session_answer(session: Json) -> PaymentSnapshot:
    """`payment_status` is about the money, `status` only about the page. The taken sum is that of the intent."""
    intent = session.get("payment_intent")
    intent = intent if isinstance(intent, dict) else {}
    page_status, paid = text(session, "status"), text(session, "payment_status")
    status = _session_status(page_status, paid, intent.get("status"))
    taken = status == Status.SUCCEEDED and "amount_received" in intent
    return PaymentSnapshot(
        status=status,
        raw_status=f"{page_status}/{paid}",
        provider_ref=text(session, "id"),
        amount=_money(intent, "amount_received") if taken else _money(session, "amount_total"),
        reference=_reference(session),
        reason=_reason(intent),
        pay_url=address(session, "url"),
        refunded_minor=_refunded(intent),
    )


def _session_status(status: str, paid: str, intent: object) -> Status | None:
    """Complete and unpaid: the bank has not decided yet. If it declines, the intent requires another payment method,
    but the session's page is closed, so the payment failed (event checkout.session.async_payment_failed).
    """
    if paid in ("paid", "no_payment_required"):
        return Status.SUCCEEDED
    if paid != "unpaid" or status not in ("open", "complete", "expired"):
        return None
    if status == "open":
        return Status.PENDING
    if status == "expired":
        return Status.EXPIRED
    if intent == "requires_payment_method":
        return Status.FAILED
    return INTENTS.get(str(intent)) if intent else Status.PENDING


def _intent_answer(intent: Json) -> PaymentSnapshot:
    raw_status = text(intent, "status")
    status = INTENTS.get(raw_status)
    return PaymentSnapshot(
        status=status,
        raw_status=raw_status,
        provider_ref=text(intent, "id"),
        amount=_money(intent, "amount_received" if status == Status.SUCCEEDED else "amount"),
        reference=_reference(intent),
        reason=_reason(intent),
        refunded_minor=_refunded(intent),
    )


def _refund_answer(refund: Json) -> RefundSnapshot:
    reason = text_or_nothing(refund, "failure_reason")
    return refund_snapshot(refund, REFUND_STATUSES, _money(refund, "amount"), reason)


def _read_complaint(status: int, headers: Mapping[str, str], body: Json) -> Complaint:
    """The header Stripe-Should-Retry decides. Stripe's own clients obey it, and without it repeat 409 and 5xx.

    https://github.com/stripe/stripe-python/blob/master/stripe/_http_client.py. A 5xx with `false` is stored. A key that
    was used with another form (`idempotency_error`) says nothing about the outcome of the first request.
    """
    error = part(body, "error")
    should_retry = headers.get("Stripe-Should-Retry", "")
    undecided = status in (409, 424) or error.get("type") == "idempotency_error"
    return Complaint(
        code=word(error.get("code")) or word(error.get("type")),
        retry_after_s=retry_after_s(headers),
        undecided=undecided or should_retry == "true",
        stored=status >= 500 and should_retry == "false",
    )


def _is_intent(provider_ref: str) -> bool:
    return provider_ref.startswith("pi_")


def _reference(fields: Json) -> str:
    found = text_or_nothing(fields, "client_reference_id")
    return found or text_or_nothing(part(fields, "metadata"), "reference")


def _reason(intent: Json) -> str:
    last_error = part(intent, "last_payment_error")
    words = (intent.get("cancellation_reason"), last_error.get("decline_code"), last_error.get("code"))
    return next((found for found in map(word, words) if found), "")


def _refunded(intent: Json) -> int:
    charge = intent.get("latest_charge")
    if not isinstance(charge, dict) or not charge.get("amount_refunded"):
        return 0
    return _money({**charge, "currency": intent.get("currency")}, "amount_refunded").minor


def _money(fields: Json, name: str) -> Money:
    """Read an amount in Stripe's smallest unit, with a lower-case currency."""
    counted, currency = fields.get(name), str(fields.get("currency")).upper()
    if not isinstance(counted, int) or not 0 <= counted < 10**12 or not re.fullmatch("[A-Z]{3}", currency):
        raise BadAnswer(f"the field {name!r} is not an amount")
    ours, theirs = _units(currency)
    minor, rest = divmod(counted * ours, theirs)
    if rest:
        raise BadAnswer(f"the field {name!r} has too many decimals for {currency}")
    return Money(minor, currency)


def _to_stripe(amount: Money) -> int:
    """Raises Refused for an amount that Stripe does not accept; nothing is rounded."""
    ours, theirs = _units(amount.currency)
    counted, rest = divmod(amount.minor * theirs, ours)
    if rest or (decimals(amount.currency) == 3 and counted % 10):
        raise Refused(f"Stripe does not accept {amount}")
    return counted


def _units(currency: str) -> tuple[int, int]:
    """Minor units per unit of the currency: by ISO 4217, and at Stripe."""
    places = decimals(currency)
    return int(10**places), int(10 ** DECIMALS.get(currency, places))


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())
