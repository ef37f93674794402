"""What the ledger has: payments, refunds, disputes and idempotency keys, in memory and in the storage.

Reading takes no lock: they are immutable objects in dictionaries. Whatever is written is written inside
`Storage.together`: to the storage first, then readers see it.
"""

from dataclasses import asdict, dataclass
from typing import Any

from billing.sandbox.messages import Refused
from billing.sandbox.payment import Dispute, Payment, Refund
from billing.sandbox.storage import Storage


@dataclass(frozen=True)
class Claim:
    """An idempotency key, with a fingerprint of its request."""

    key: str
    fingerprint: str


class Records:
    """All of them, by id, in the order in which they were made."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._payments = {key: Payment.from_record(record) for key, record in storage.load("payment").items()}
        self._refunds = {key: Refund.from_record(record) for key, record in storage.load("refund").items()}
        self._disputes = {key: Dispute.from_record(record) for key, record in storage.load("dispute").items()}
        self._claims = storage.load("claim")

    def all(self) -> list[Payment]:
        return list(self._payments.values())

    def refunds(self) -> list[Refund]:
        return list(self._refunds.values())

    def disputes(self) -> list[Dispute]:
        return list(self._disputes.values())

    def find_refund(self, refund_id: str) -> Refund:
        if refund := self._refunds.get(refund_id):
            return refund
        raise Refused(404, "not_found", "There is no such refund.")

    def forget(self) -> None:
        """Delete everything, as in a new sandbox; requests with the old ids are refused."""
        kinds: dict[str, dict[str, Any]] = {
            "payment": self._payments, "refund": self._refunds, "dispute": self._disputes, "claim": self._claims,
        }  # fmt: skip
        with self._storage.together():
            for kind, kept in kinds.items():
                self._storage.drop_all(kind)
                kept.clear()

    def _known(self, payment_id: str) -> Payment:
        if payment := self._payments.get(payment_id):
            return payment
        raise Refused(404, "not_found", "There is no such payment.")

    def _keep(self, payment: Payment) -> Payment:
        self._storage.put("payment", payment.id, asdict(payment))
        self._payments[payment.id] = payment
        return payment

    def _keep_refund(self, refund: Refund) -> Refund:
        self._storage.put("refund", refund.id, asdict(refund))
        self._refunds[refund.id] = refund
        return refund

    def _keep_dispute(self, dispute: Dispute) -> Dispute:
        self._storage.put("dispute", dispute.id, asdict(dispute))
        self._disputes[dispute.id] = dispute
        return dispute

    def _drop(self, payment: Payment) -> None:
        """Delete a payment and its key."""
        for key in [key for key, claim in self._claims.items() if claim["made"] == payment.id]:
            self._storage.drop("claim", key)
            del self._claims[key]
        self._storage.drop("payment", payment.id)
        del self._payments[payment.id]

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
