"""Payments, refunds and disputes: which changes are allowed, and which of them send a callback."""

import heapq
import secrets
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from billing.sandbox.listing import Page
from billing.sandbox.messages import Refused
from billing.sandbox.payment import (
    AUTHORIZED,
    CANCELED,
    EXPIRED,
    FAILED,
    LOST,
    PENDING,
    SUCCEEDED,
    WON,
    Dispute,
    Json,
    Money,
    Payment,
    Refund,
)
from billing.sandbox.records import Claim, Records
from billing.sandbox.storage import Storage

# The status and reason that each button on the buyer's page sets.
ACTIONS = {
    "pay": (SUCCEEDED, ""),
    "cancel": (CANCELED, "canceled_by_buyer"),
    "decline": (FAILED, "card_declined"),
    "authorize": (AUTHORIZED, ""),
    "transfer": (PENDING, ""),
}


class Ledger(Records):
    """All payments, refunds and disputes.

    `tell` gets the type of the callback, the payment, and the refund or dispute that it is about, inside the
    transaction of the change.
    """

    refunds_start_as = SUCCEEDED

    def __init__(self, storage: Storage, tell: Callable[[str, Payment, Json], None]) -> None:
        super().__init__(storage)
        self._tell = tell
        self._expiries = [(each.expires_at, each.id) for each in self._payments.values() if each.is_open]
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

    def payments_on(self, page: Page, reference: str) -> tuple[list[Payment], str | None]:
        """One page of payments, of one reference if it is given."""
        found, following = page.of(self._payments, lambda each: reference in ("", each.reference))
        return [self.find(each.id) for each in found], following

    def refunds_on(self, page: Page) -> tuple[list[Refund], str | None]:
        """One page of refunds."""
        return page.of(self._refunds, lambda _: True)

    def disputes_on(self, page: Page, payment_id: str) -> tuple[list[Dispute], str | None]:
        """One page of disputes, of one payment if it is given."""
        return page.of(self._disputes, lambda each: payment_id in ("", each.payment_id))

    def forget_payment(self, payment_id: str) -> None:
        """Forget an unpaid payment, as providers do after a time. Refuses one with money in it."""
        with self._storage.together():
            payment = self._known(payment_id)
            if payment.working or payment.status in (AUTHORIZED, SUCCEEDED):
                raise Refused(409, "not_forgettable", "Only an unpaid payment can be forgotten.")
            self._drop(payment)

    def cancel(self, payment_id: str) -> Payment:
        """Cancel for the shop. Refuses a payment that has succeeded, or on which the bank is working."""
        self.find(payment_id)
        with self._storage.together():
            payment = self._known(payment_id)
            if payment.is_open or payment.status == AUTHORIZED:
                return self._move(payment, CANCELED, "canceled_by_merchant")
        if payment.status != CANCELED:
            raise Refused(409, "not_cancelable", f"The payment is {payment.standing} and cannot be canceled.")
        return payment

    def act(self, payment_id: str, action: str) -> Payment:
        """Apply a button of the buyer. Refuses a payment that is not open with 409."""
        self.find(payment_id)
        with self._storage.together():
            payment = self._known(payment_id)
            if not payment.is_open:
                raise Refused(409, "not_open", f"The payment is already {payment.standing}.")
            return self._move(payment, *ACTIONS[action], working=action == "transfer")

    def force(self, payment_id: str, status: str, reason: str = "", amount: Money | None = None) -> Payment:
        """Set any status, for drills: a late success, another amount, a provider that contradicts itself."""
        with self._storage.together():
            payment = self._known(payment_id)
            same = payment.status == status and amount in (None, payment.amount) and not payment.working
            return payment if same else self._move(payment, status, reason, amount)

    def refund(self, claim: Claim, payment_id: str, amount: Money) -> tuple[Refund, bool]:
        """The refund, and whether it is new. All refunds of a payment together never exceed its amount."""
        with self._storage.together():
            if known := self._claimed(claim):
                return self._refunds[known], False
            refund = self._give_back(self._known(payment_id), amount)
            self._remember(claim, refund.id)
            return refund, True

    def refund_by_hand(self, payment_id: str, amount: Money, *, told: bool = False) -> Refund:
        """Refund by hand, in the provider's own pages; the shop gets a callback only if it is to be `told`."""
        with self._storage.together():
            refund = self._give_back(self._known(payment_id), amount)
            if told:
                self._tell(f"refund.{refund.status}", self._known(payment_id), {"refund": refund.as_json()})
            return refund

    def force_refund(self, refund_id: str, status: str, reason: str = "") -> Refund:
        """Set any status, for drills; the payment's refunded amount follows. A new status sends its callback."""
        with self._storage.together():
            refund = self.find_refund(refund_id)
            moved = replace(refund, status=status, reason=reason)
            payment = self._known(refund.payment_id)
            payment = self._keep(replace(payment, refunded=payment.refunded - refund.given + moved.given))
            self._keep_refund(moved)
            if status != refund.status:
                self._tell(f"refund.{status}", payment, {"refund": moved.as_json()})
            return moved

    def open_dispute(self, dispute: Dispute) -> Dispute:
        """The buyer's bank takes back any part of a paid payment, whatever was refunded already."""
        with self._storage.together():
            payment = self._known(dispute.payment_id)
            if payment.status != SUCCEEDED:
                raise Refused(409, "not_disputable", f"The payment is {payment.standing}; only a paid one is disputed.")
            if dispute.amount.currency != payment.amount.currency or dispute.amount.decimal > payment.amount.decimal:
                raise Refused(422, "invalid_request", "amount must be a part of what was paid.")
            self._keep_dispute(dispute)
            self._tell("dispute.opened", self._keep(replace(payment, disputed=True)), {"dispute": dispute.as_json()})
            return dispute

    def force_dispute(self, dispute_id: str, status: str) -> Dispute:
        """Set any status: the shop has answered, the bank has decided, or changes its mind. Sends its callback."""
        with self._storage.together():
            if not (dispute := self._disputes.get(dispute_id)):
                raise Refused(404, "not_found", "There is no such dispute.")
            moved = self._keep_dispute(replace(dispute, status=status))
            kind = status if status in (WON, LOST) else "updated"
            self._tell(f"dispute.{kind}", self._known(moved.payment_id), {"dispute": moved.as_json()})
            return moved

    def expire_due(self, now: datetime) -> None:
        """Expire every pending payment whose window is over, so that the shop gets its callback."""
        while self._expiries and self._expiries[0][0] <= now:
            with self._storage.together():
                _, payment_id = heapq.heappop(self._expiries)
                payment = self._payments.get(payment_id)
            if payment and payment.is_overdue(now):
                self._expire(payment_id)

    def _expire(self, payment_id: str) -> Payment:
        with self._storage.together():
            payment = self._known(payment_id)  # again, under the lock: another thread may have been faster
            return self._move(payment, EXPIRED, "not_paid_in_time") if payment.is_open else payment

    def _give_back(self, payment: Payment, amount: Money) -> Refund:
        others: list[Refund | Dispute] = [*self._refunds.values(), *self._disputes.values()]
        held = sum(each.holds for each in others if each.payment_id == payment.id)
        if payment.status != SUCCEEDED:
            raise Refused(409, "not_refundable", f"The payment is {payment.standing}; only a paid one can be refunded.")
        if amount.currency != payment.amount.currency:
            raise Refused(422, "invalid_request", f"amount.currency must be {payment.amount.currency}.")
        if held + amount.decimal > payment.amount.decimal:
            raise Refused(409, "too_much", "Refunds and disputes together must not exceed what was paid.")
        refund = Refund(
            id=f"re_{secrets.token_urlsafe(16)}",
            payment_id=payment.id,
            amount=amount,
            status=self.refunds_start_as,
            created_at=datetime.now(UTC),
        )
        self._keep(replace(payment, refunded=payment.refunded + refund.given))
        return self._keep_refund(refund)

    def _move(
        self, payment: Payment, status: str, reason: str, amount: Money | None = None, *, working: bool = False
    ) -> Payment:
        taken = amount or payment.amount
        moved = self._keep(replace(payment, status=status, reason=reason, amount=taken, working=working))
        self._tell(f"payment.{status}", moved, {})
        return moved
