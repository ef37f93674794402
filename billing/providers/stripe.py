"""Stripe, API v1: Checkout Sessions, and PaymentIntents that were made elsewhere.

Its contract is https://github.com/stripe/openapi; what is said here of fields and their values was read in the client
made from it, https://github.com/stripe/stripe-python, at the version pinned below.
"""

import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from billing.errors import BadAnswer, Refused, StoredFailure
from billing.money import Money, decimals
from billing.providers import signatures
from billing.providers.base import Account, CallbackHint, CallbackRequest, PaymentSnapshot, RefundSnapshot
from billing.providers.fields import Json, address, objects, part, text, text_or_nothing
from billing.providers.http import Complaint, ProviderClient, read_json, retry_after_s, word
from billing.providers.options import CALLBACKS_REFUSED, CALLS_REFUSED, api_url
from billing.states import RefundStatus, Status
from config import env

if TYPE_CHECKING:
    from billing.models import Payment, Refund

VERSION = "2026-06-24.dahlia"
"""The API's words are those of this version, whatever the account's own one is: https://docs.stripe.com/api/versioning"""

INTENTS = {  # PaymentIntent.status; a payment that was refused stays open, because the customer may try again
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
    """A payment is a Checkout Session, `cs_…`; a PaymentIntent, `pi_…`, is read and cancelled as well.

    Point the endpoint of the callbacks at the events `checkout.session.*`.
    """

    rate_limit_per_s = 20
    """Stripe takes 25 a second for each of its endpoints, and all checks are one (https://docs.stripe.com/rate-limits).
    The other five are for customers: `slots.BURST_CALLS`.
    """

    key_kept = timedelta(hours=20)
    """Stripe keeps keys for at least 24 h: https://docs.stripe.com/api/idempotent_requests"""

    lapse: timedelta | None = None
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

    def create(self, payment: "Payment") -> PaymentSnapshot:
        """A 5xx that Stripe keeps under our key would be its answer for a day: it keeps even those.

        https://docs.stripe.com/api/idempotent_requests. Then the session is looked for, and if there is none, another
        is made under a second key. Should both exist, no harm is done: nobody can pay where nobody was sent.
        """
        try:
            return self._create(payment, payment.idempotency_key)
        except StoredFailure:
            return self._find(payment) or self._create(payment, f"{payment.idempotency_key}-2")

    def status(self, provider_ref: str) -> PaymentSnapshot:
        if _is_intent(provider_ref):
            return _intent_answer(self._http.get(f"/payment_intents/{provider_ref}", {"expand[0]": "latest_charge"}))
        return _session_answer(self._session(provider_ref))

    def cancel(self, provider_ref: str) -> PaymentSnapshot:
        """Only a session that is open can be closed; both calls may be repeated."""
        if _is_intent(provider_ref):
            return _intent_answer(self._http.post_form(f"/payment_intents/{provider_ref}/cancel", {}))
        answer = _session_answer(self._http.post_form(f"/checkout/sessions/{provider_ref}/expire", {}))
        return replace(answer, status=Status.CANCELED) if answer.status == Status.EXPIRED else answer

    def refund(self, refund: "Refund") -> RefundSnapshot:
        """After a stored 5xx the refund is looked for, and never made a second time: it is money that would move."""
        intent = self._intent_of(refund.payment.provider_ref)
        form = {
            "payment_intent": intent,
            "amount": _to_stripe(refund.amount),
            "metadata": {"refund": refund.idempotency_key},
        }
        try:
            return _refund_answer(self._http.post_form("/refunds", form, _once(refund.idempotency_key)))
        except StoredFailure:
            for made in objects(self._http.get("/refunds", {"payment_intent": intent, "limit": "100"}), "data"):
                if part(made, "metadata").get("refund") == refund.idempotency_key:
                    return _refund_answer(made)
            raise

    def refund_status(self, refund: "Refund") -> RefundSnapshot:
        return _refund_answer(self._http.get(f"/refunds/{refund.provider_ref}"))

    def payments_between(self, start: datetime, end: datetime) -> Iterator[PaymentSnapshot]:
        """Sessions only: every payment of ours is one."""
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

    def verify(self, post: CallbackRequest) -> None:
        header, secret = post.headers.get("stripe-signature", ""), self._account.options["callback_secret"]
        signatures.verify(header, post.body, secret, time.time())

    def read_callback(self, body: bytes) -> CallbackHint:
        event = read_json(body)
        what = part(part(event, "data"), "object")
        return CallbackHint(text(what, "id"), _reference(what), text(event, "type"))

    def _create(self, payment: "Payment", key: str) -> PaymentSnapshot:
        return _session_answer(self._http.post_form("/checkout/sessions", _session_form(payment), _once(key)))

    def _find(self, payment: "Payment") -> PaymentSnapshot | None:
        """Among the hundred newest since the payment was made."""
        query = {"created[gte]": str(_seconds(payment.created_at - CLOCKS_APART)), "limit": "100"}
        for session in objects(self._http.get("/checkout/sessions", query), "data"):
            if part(session, "metadata").get("payment") == payment.idempotency_key:
                return _session_answer(session)
        return None

    def _session(self, provider_ref: str) -> Json:
        return self._http.get(f"/checkout/sessions/{provider_ref}", {"expand[0]": "payment_intent.latest_charge"})

    def _intent_of(self, provider_ref: str) -> str:
        if _is_intent(provider_ref):
            return provider_ref
        return text(part(self._session(provider_ref), "payment_intent"), "id")


def _session_form(payment: "Payment") -> Json:
    """The same for every repeat: a key goes with one form. Prices in the customer's currency would not be ours."""
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


def _session_end(payment: "Payment") -> datetime:
    """Late enough for a session made in the window's last minute; it is closed when the window ends."""
    latest = payment.created_at + SESSION_LONGEST - CLOCKS_APART
    return min(payment.window_ends_at + SESSION_SHORTEST + CLOCKS_APART, latest)


def _session_answer(session: Json) -> PaymentSnapshot:
    """`payment_status` decides about money, `status` only about the page. What was taken is what the intent says."""
    intent = session.get("payment_intent")
    intent = intent if isinstance(intent, dict) else {}
    open_or_not, paid = text(session, "status"), text(session, "payment_status")
    status = _session_status(open_or_not, paid, intent.get("status"))
    taken = status == Status.SUCCEEDED and "amount_received" in intent
    return PaymentSnapshot(
        status=status,
        raw_status=f"{open_or_not}/{paid}",
        provider_ref=text(session, "id"),
        amount=_money(intent, "amount_received") if taken else _money(session, "amount_total"),
        reference=_reference(session),
        reason=_reason(intent),
        pay_url=address(session, "url"),
        refunded_minor=_refunded(intent),
    )


def _session_status(status: str, paid: str, intent: object) -> Status | None:
    """Complete and unpaid: a bank takes its time. If it then says no, the intent wants another way to pay, and the
    session, whose page is over, has none to offer (the event is called checkout.session.async_payment_failed).
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
    raw_status = text(refund, "status")
    return RefundSnapshot(
        status=REFUND_STATUSES.get(raw_status),
        raw_status=raw_status,
        provider_ref=text(refund, "id"),
        amount=_money(refund, "amount"),
        reason=text_or_nothing(refund, "failure_reason"),
    )


def _read_complaint(status: int, headers: Mapping[str, str], body: Json) -> Complaint:
    """The header Stripe-Should-Retry decides; the clients Stripe makes obey it, and repeat 409 and 5xx without it.

    https://github.com/stripe/stripe-python/blob/master/stripe/_http_client.py. A 5xx with `false` is one that would be
    replayed. A key that was used with another form (`idempotency_error`) says nothing about what became of the first.
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
    """Whole units as Stripe counts them, and a currency in small letters."""
    counted, currency = fields.get(name), str(fields.get("currency")).upper()
    if not isinstance(counted, int) or not 0 <= counted < 10**12 or not re.fullmatch("[A-Z]{3}", currency):
        raise BadAnswer(f"the field {name!r} is no amount")
    ours, theirs = _units(currency)
    minor, rest = divmod(counted * ours, theirs)
    if rest:
        raise BadAnswer(f"the field {name!r} is finer than {currency} is")
    return Money(minor, currency)


def _to_stripe(amount: Money) -> int:
    """Raises Refused for what Stripe cannot take; nothing is ever rounded."""
    ours, theirs = _units(amount.currency)
    counted, rest = divmod(amount.minor * theirs, ours)
    if rest or (decimals(amount.currency) == 3 and counted % 10):
        raise Refused(f"Stripe does not take {amount}")
    return counted


def _units(currency: str) -> tuple[int, int]:
    """In how many parts ISO 4217 divides the currency, and in how many Stripe does."""
    places = decimals(currency)
    return int(10**places), int(10 ** DECIMALS.get(currency, places))


def _once(key: str) -> dict[str, str]:
    return {"Idempotency-Key": key}


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())
