"""Stripe, API v1: Checkout Sessions, and PaymentIntents that were made elsewhere.

Sources: https://github.com/stripe/openapi, and for fields and their values the client generated from it,
https://github.com/stripe/stripe-python, at the version pinned below.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeVar

from billing.errors import BadAnswer, StoredFailure
from billing.models import Payment, Refund
from billing.money import Money
from billing.providers.base import (
    Account,
    CallbackHint,
    CallbackRequest,
    DisputeSnapshot,
    Movement,
    PaymentSnapshot,
    RefundSnapshot,
)
from billing.providers.fields import Json, id_or_nothing, objects, part, rows
from billing.providers.http import ProviderClient
from billing.providers.options import CALLBACKS_REFUSED, CALLS_REFUSED, api_url
from billing.providers.stripe.amounts import check_amount, to_stripe
from billing.providers.stripe.answers import (
    IDS,
    dispute_answer,
    intent_answer,
    listed_answer,
    movement,
    read_complaint,
    read_hint,
    refund_answer,
    session_answer,
)
from billing.states import Status
from config import env

VERSION = "2026-06-24.dahlia"
"""The API version of all calls; it overrides the account's own version: https://docs.stripe.com/api/versioning"""

PAY_HOST = "checkout.stripe.com"
"""Session.url; a custom domain may stand in its place: https://docs.stripe.com/payments/checkout/custom-domains"""

SESSION_LONGEST = timedelta(hours=24)  # expires_at: "anywhere from 30 minutes to 24 hours after … creation"
SESSION_SHORTEST = timedelta(minutes=30)
CLOCKS_APART = timedelta(minutes=5)

A = TypeVar("A")


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
    """Stripe names no time after which a session cannot be read: https://docs.stripe.com/api/checkout/sessions"""

    bank_longest = timedelta(days=21)
    """SEPA Direct Debit, the slowest bank debit: "up to 14 business days to receive notification on the success or
    failure of a payment" (https://docs.stripe.com/payments/sepa-debit).
    """

    signature_headers: tuple[str, ...] = ("stripe-signature",)

    def __init__(self, account: Account) -> None:
        self._account = account
        own = account.options.get("checkout_hosts", "").split(",")
        self.pay_hosts: tuple[str, ...] = (PAY_HOST, *filter(None, own))
        headers = {"Authorization": f"Bearer {account.options['secret_key']}", "Stripe-Version": VERSION}
        self._http = ProviderClient(account, headers, read_complaint)

    @staticmethod
    def read_options(prefix: str) -> dict[str, str]:
        return {
            "url": api_url(f"{prefix}_URL", "https://api.stripe.com/v1"),
            "secret_key": env.secret(
                f"{prefix}_SECRET_KEY",
                help="The account's key, secret or restricted.", wrong=CALLS_REFUSED, example="sk_live_…",
            ),
            "checkout_hosts": ",".join(
                env.words(
                    f"{prefix}_CHECKOUT_HOSTS",
                    help="Custom domains of the account's Checkout pages, besides checkout.stripe.com.",
                    wrong="A custom domain is missing: its payments cannot be paid, and need a person.",
                    example="pay.tillcoffee.example",
                )
            ),
            "callback_secret": env.secret(
                f"{prefix}_CALLBACK_SECRET",
                help="Signing secret of the webhook endpoint.", wrong=CALLBACKS_REFUSED, example="whsec_…",
            ),
        }  # fmt: skip

    def check_amount(self, amount: Money) -> None:
        check_amount(amount)

    def create(self, payment: Payment) -> PaymentSnapshot:
        """Create a session. Stripe may store a 5xx under our key, and would return it for a day.

        https://docs.stripe.com/api/idempotent_requests. Then the session is searched, and if there is none, another one
        is created with a second key. If both exist, only one can be paid: the customer is sent only there.
        """
        check_amount(payment.amount)
        try:
            return self._create(payment, payment.idempotency_key)
        except StoredFailure:
            since = {"created[gte]": str(_seconds(payment.created_at - CLOCKS_APART))}
            found = self._search("/checkout/sessions", since, "payment", payment.idempotency_key)
            return session_answer(found) if found else self._create(payment, f"{payment.idempotency_key}-2")

    def status(self, provider_ref: str) -> PaymentSnapshot:
        if _is_intent(provider_ref):
            return intent_answer(
                self._http.get(IDS.path("/payment_intents/{}", provider_ref), {"expand[0]": "latest_charge"})
            )
        return session_answer(self._session(provider_ref))

    def cancel(self, provider_ref: str) -> PaymentSnapshot:
        """Cancel an intent, or expire a session, which must be open; both calls may be repeated."""
        if _is_intent(provider_ref):
            return intent_answer(self._http.post_form(IDS.path("/payment_intents/{}/cancel", provider_ref), {}))
        answer = session_answer(self._http.post_form(IDS.path("/checkout/sessions/{}/expire", provider_ref), {}))
        return replace(answer, status=Status.CANCELED) if answer.status == Status.EXPIRED else answer

    def refund(self, refund: Refund) -> RefundSnapshot:
        """Create a refund. After a stored 5xx it is searched, never created again: money would move twice."""
        intent = self._intent_of(refund.payment.provider_ref)
        form = {
            "payment_intent": intent,
            "amount": to_stripe(refund.amount),
            "metadata": {"refund": refund.idempotency_key},
        }
        try:
            return refund_answer(self._http.post_form("/refunds", form, refund.idempotency_key))
        except StoredFailure:
            found = self._search("/refunds", {"payment_intent": intent}, "refund", refund.idempotency_key)
            if found is None:
                raise
            return refund_answer(found)

    def refund_status(self, refund: Refund) -> RefundSnapshot:
        return refund_answer(self._http.get(IDS.path("/refunds/{}", refund.provider_ref)))

    def payments_between(self, start: datetime, end: datetime) -> Iterator[PaymentSnapshot | BadAnswer]:
        """Sessions only: each of our payments is one."""
        query = {**_created(start, end), "expand[0]": "data.payment_intent.latest_charge"}
        return self._list("/checkout/sessions", query, listed_answer)

    def movements_between(self, start: datetime, end: datetime) -> Iterator[Movement | BadAnswer]:
        for path in ("/refunds", "/disputes"):
            yield from self._list(path, _created(start, end), movement)

    def disputes_of(self, answer: PaymentSnapshot) -> list[DisputeSnapshot]:
        intent = next(filter(_is_intent, (answer.provider_ref, *answer.refs)), "")
        found = self._http.get("/disputes", {"payment_intent": intent, "limit": "100"}) if intent else {"data": []}
        return [dispute_answer(dispute) for dispute in objects(found, "data")]

    def verify(self, post: CallbackRequest) -> bool:
        post.check_signature("stripe-signature", self._account.options["callback_secret"], time.time())
        return True

    def read_callback(self, body: bytes) -> CallbackHint:
        return read_hint(body)

    def _create(self, payment: Payment, key: str) -> PaymentSnapshot:
        return session_answer(self._http.post_form("/checkout/sessions", _session_form(payment), key))

    def _list(self, path: str, query: dict[str, str], read: Callable[[Json], A | None]) -> Iterator[A | BadAnswer]:
        """Page by page, from new to old; each page begins after the last row of the one before."""
        query = {**query, "limit": "100"}
        while True:
            page = self._http.get(path, query)
            yield from rows(page, "data", read)
            if not page["data"] or not page.get("has_more"):
                return
            last = id_or_nothing(page["data"][-1])
            if last in ("", query.get("starting_after")):
                raise BadAnswer("the list does not go on")
            query["starting_after"] = last

    def _search(self, path: str, query: dict[str, str], name: str, key: str) -> Json | None:
        """The one that carries our key, among the hundred newest."""
        found = objects(self._http.get(path, {**query, "limit": "100"}), "data")
        return next((each for each in found if part(each, "metadata").get(name) == key), None)

    def _session(self, provider_ref: str) -> Json:
        return self._http.get(
            IDS.path("/checkout/sessions/{}", provider_ref), {"expand[0]": "payment_intent.latest_charge"}
        )

    def _intent_of(self, provider_ref: str) -> str:
        if _is_intent(provider_ref):
            return provider_ref
        return IDS.read(part(self._session(provider_ref), "payment_intent"))


def _session_form(payment: Payment) -> Json:
    """The same form for every repeat, because a key belongs to one form. Adaptive pricing would change the currency."""
    price = {
        "currency": payment.currency.lower(),
        "unit_amount": to_stripe(payment.amount),
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


def _created(start: datetime, end: datetime) -> dict[str, str]:
    return {"created[gte]": str(_seconds(start)), "created[lt]": str(_seconds(end))}


def _is_intent(ref: str) -> bool:
    return ref.startswith("pi_")


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())
