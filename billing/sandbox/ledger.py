"""Payments and refunds: which changes are allowed, and which of them send a callback.

Reading takes no lock: payments and refunds are immutable objects in dictionaries. Every change happens inside
`Storage.together`: it is written to the storage first, then readers see it.
"""

import heapq
import secrets
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from itertools import islice

from billing.sandbox.messages import Refused
from billing.sandbox.payment import AUTHORIZED, CANCELED, EXPIRED, FAILED, PENDING, SUCCEEDED, Money, Payment, Refund
from billing.sandbox.storage import Storage

EARLIEST, LATEST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)

# The status and reason that each button on the buyer's page sets.
ACTIONS = {
    "pay": (SUCCEEDED, ""),
    "cancel": (CANCELED, "canceled_by_buyer"),
    "decline": (FAILED, "card_declined"),
    "authorize": (AUTHORIZED, ""),
}


@dataclass(frozen=True)
class Claim:
    """An idempotency key, with a fingerprint of its request."""

    key: str
    fingerprint: str


class Ledger:
    """All payments and refunds. `on_change` gets the new version, inside the transaction of each change of status."""

    refunds_start_as = SUCCEEDED

    def __init__(self, storage: Storage, on_change: Callable[[Payment], None]) -> None:
        self._storage, self._on_change = storage, on_change
        self._payments = {key: Payment.from_record(record) for key, record in storage.load("payment").items()}
        self._refunds = {key: Refund.from_record(record) for key, record in storage.load("refund").items()}
        self._claims = storage.load("claim")
        self._expiries = [(each.expires_at, each.id) for each in self._payments.values() if each.status == PENDING]
        heapq.heapify(self._expiries)

    def create(self, claim: Claim, draft: Payment) -> tuple[Payment, bool]:
        """The payment, and whether it is new. A repeated key returns the payment as it is now."""
        with self._storage.together():
            known = self._claimed(claim)
            if known is None:
                self._keep(draft)
                self._remember(claim, draft.id)
                heapq.heappush(self._expiries, (draft.expires_at, draft.id))
                return draft, True
        return self.find(known), False

    def find(self, payment_id: str) -> Payment:
        """The payment as it is now; expires it first if its window is over. Refuses an unknown id."""
        payment = self._known(payment_id)
        return self._expire(payment_id) if payment.is_overdue(datetime.now(UTC)) else payment

    def search(
        self, reference: str, created_from: datetime | None, created_to: datetime | None, after: str, limit: int
    ) -> tuple[list[Payment], str | None]:
        """One page, oldest first, and the id after which the next page starts (None on the last page).

        Payments from `created_from`, before `created_to`; `after` is the last id already seen.
        """
        payments = list(self._payments.values())
        if after:
            payments = payments[payments.index(self._known(after)) + 1 :]
        first, end = created_from or EARLIEST, created_to or LATEST
        fitting = (each for each in payments if first <= each.created_at < end and reference in ("", each.reference))
        page = list(islice(fitting, limit + 1))
        return [self.find(each.id) for each in page[:limit]], page[limit - 1].id if len(page) > limit else None

    def all(self) -> list[Payment]:
        return list(self._payments.values())

    def forget(self) -> None:
        """Delete all payments and refunds, as in a new sandbox; requests with their ids are refused."""
        with self._storage.together():
            for kind, kept in (("payment", self._payments), ("refund", self._refunds), ("claim", self._claims)):
                self._storage.drop_all(kind)
                kept.clear()
            self._expiries.clear()

    def cancel(self, payment_id: str) -> Payment:
        """Cancel for the shop. Refuses a payment that has succeeded: it can only be refunded."""
        self.find(payment_id)
        with self._storage.together():
            payment = self._known(payment_id)
            if payment.status in (PENDING, AUTHORIZED):
                return self._move(payment, CANCELED, "canceled_by_merchant")
        if payment.status != CANCELED:
            raise Refused(409, "not_cancelable", f"The payment is {payment.status} and cannot be canceled.")
        return payment

    def act(self, payment_id: str, action: str) -> Payment:
        """Apply a button of the buyer. Refuses a payment that is not open with 409."""
        self.find(payment_id)
        with self._storage.together():
            payment = self._known(payment_id)
            if payment.status != PENDING:
                raise Refused(409, "not_open", f"The payment is already {payment.status}.")
            return self._move(payment, *ACTIONS[action])

    def force(self, payment_id: str, status: str, reason: str = "", amount: Money | None = None) -> Payment:
        """Set any status, for drills: a late success, another amount, a provider that contradicts itself."""
        with self._storage.together():
            payment = self._known(payment_id)
            same = payment.status == status and amount in (None, payment.amount)
            return payment if same else self._move(payment, status, reason, amount)

    def refund(self, claim: Claim, payment_id: str, amount: Money) -> tuple[Refund, bool]:
        """The refund, and whether it is new. All refunds of a payment together never exceed its amount."""
        with self._storage.together():
            if known := self._claimed(claim):
                return self._refunds[known], False
            refund = self._give_back(self._known(payment_id), amount)
            self._remember(claim, refund.id)
            return refund, True

    def refund_by_hand(self, payment_id: str, amount: Money) -> Refund:
        """Refund by hand, in the provider's own pages; the shop gets no callback."""
        with self._storage.together():
            return self._give_back(self._known(payment_id), amount)

    def force_refund(self, refund_id: str, status: str, reason: str = "") -> Refund:
        """Set any status, for drills; the payment's refunded amount follows."""
        with self._storage.together():
            refund = self.find_refund(refund_id)
            moved = replace(refund, status=status, reason=reason)
            payment = self._known(refund.payment_id)
            self._keep(replace(payment, refunded=payment.refunded - refund.given + moved.given))
            return self._keep_refund(moved)

    def refunds(self) -> list[Refund]:
        return list(self._refunds.values())

    def find_refund(self, refund_id: str) -> Refund:
        if refund := self._refunds.get(refund_id):
            return refund
        raise Refused(404, "not_found", "There is no such refund.")

    def expire_due(self, now: datetime) -> None:
        """Expire every pending payment whose window is over, so that the shop gets its callback."""
        while self._expiries and self._expiries[0][0] <= now:
            with self._storage.together():
                _, payment_id = heapq.heappop(self._expiries)
                payment = self._payments[payment_id]
            if payment.is_overdue(now):
                self._expire(payment_id)

    def _known(self, payment_id: str) -> Payment:
        if payment := self._payments.get(payment_id):
            return payment
        raise Refused(404, "not_found", "There is no such payment.")

    def _expire(self, payment_id: str) -> Payment:
        with self._storage.together():
            payment = self._known(payment_id)  # again, under the lock: another thread may have been faster
            return self._move(payment, EXPIRED, "not_paid_in_time") if payment.status == PENDING else payment

    def _give_back(self, payment: Payment, amount: Money) -> Refund:
        held = sum(each.holds for each in self._refunds.values() if each.payment_id == payment.id)
        if payment.status != SUCCEEDED:
            raise Refused(409, "not_refundable", f"The payment is {payment.status}; only a paid one can be refunded.")
        if amount.currency != payment.amount.currency:
            raise Refused(422, "invalid_request", f"amount.currency must be {payment.amount.currency}.")
        if held + amount.decimal > payment.amount.decimal:
            raise Refused(409, "too_much", "Refunds together must not exceed what was paid.")
        refund = Refund(f"re_{secrets.token_urlsafe(16)}", payment.id, amount, self.refunds_start_as)
        self._keep(replace(payment, refunded=payment.refunded + refund.given))
        return self._keep_refund(refund)

    def _keep_refund(self, refund: Refund) -> Refund:
        self._storage.put("refund", refund.id, refund.as_json())
        self._refunds[refund.id] = refund
        return refund

    def _move(self, payment: Payment, status: str, reason: str, amount: Money | None = None) -> Payment:
        moved = self._keep(replace(payment, status=status, reason=reason, amount=amount or payment.amount))
        self._on_change(moved)
        return moved

    def _keep(self, payment: Payment) -> Payment:
        self._storage.put("payment", payment.id, asdict(payment))
        self._payments[payment.id] = payment
        return payment

    def _claimed(self, claim: Claim) -> str | None:
        """The id that this key created before; refuses a key that was used with another request."""
        known = self._claims.get(claim.key)
        if known and known["fingerprint"] != claim.fingerprint:
            raise Refused(409, "idempotency_conflict", "This Idempotency-Key was used with another request.")
        return str(known["made"]) if known else None

    def _remember(self, claim: Claim, made: str) -> None:
        record = {"fingerprint": claim.fingerprint, "made": made}
        self._storage.put("claim", claim.key, record)
        self._claims[claim.key] = record
