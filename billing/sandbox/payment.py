"""The payments, refunds and disputes of the sandbox."""

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Self

Json = dict[str, Any]

PENDING, AUTHORIZED, SUCCEEDED = "pending", "authorized", "succeeded"
CANCELED, EXPIRED, FAILED = "canceled", "expired", "failed"
STATUSES = (PENDING, AUTHORIZED, SUCCEEDED, CANCELED, EXPIRED, FAILED)
REFUND_STATUSES = (PENDING, SUCCEEDED, FAILED)

OPEN, REVIEW, WON, LOST = "open", "review", "won", "lost"
DISPUTE_STATUSES = (OPEN, REVIEW, WON, LOST)

EPOCH = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True)
class Money:
    """A decimal string as the shop wrote it ("12.50", at most 3 decimals) and an ISO 4217 code."""

    value: str
    currency: str

    @property
    def decimal(self) -> Decimal:
        return Decimal(self.value)

    def as_json(self) -> Json:
        return {"value": self.value, "currency": self.currency}


@dataclass(frozen=True)
class Payment:
    """A payment. Never changed in place: a new version replaces the old one.

    `working`: pending, but the buyer has paid by bank transfer, and the bank needs time. `disputed`: it has disputes,
    ended ones included.
    """

    id: str
    amount: Money
    reference: str
    description: str
    return_url: str
    callback_url: str
    created_at: datetime
    expires_at: datetime
    status: str = PENDING
    reason: str = ""
    refunded: Decimal = Decimal(0)
    working: bool = False
    disputed: bool = False

    @property
    def is_open(self) -> bool:
        """Can the buyer still choose?"""
        return self.status == PENDING and not self.working

    @property
    def standing(self) -> str:
        """Its status, for people."""
        return "with the bank" if self.working else self.status

    def is_overdue(self, now: datetime) -> bool:
        """Still open although its window is over."""
        return self.is_open and self.expires_at <= now

    def as_json(self, base_url: str) -> Json:
        """The payment as the shop sees it. A paid one has the id of its charge; `refunded_amount`, `working` and
        `disputed` appear only where they apply.
        """
        document: Json = {
            "id": self.id,
            "status": self.status,
            "reason": self.reason,
            "amount": self.amount.as_json(),
            "reference": self.reference,
            "description": self.description,
            "pay_url": f"{base_url}/pay/{self.id}",
            "created_at": iso(self.created_at),
            "expires_at": iso(self.expires_at),
        }
        if self.refunded:
            document["refunded_amount"] = Money(str(self.refunded), self.amount.currency).as_json()
        if self.status == SUCCEEDED:
            document["charge"] = charge_of(self.id)
        marks = {"working": self.working, "disputed": self.disputed}
        return document | {name: True for name, applies in marks.items() if applies}

    @classmethod
    def from_record(cls, record: Json) -> Self:
        return cls(**restored(record, "created_at", "expires_at") | {"refunded": Decimal(record["refunded"])})


@dataclass(frozen=True)
class Refund:
    """A refund: it succeeds at once, unless a drill makes it pending or failed."""

    id: str
    payment_id: str
    amount: Money
    status: str = SUCCEEDED
    reason: str = ""
    created_at: datetime = EPOCH  # of a record that was written before refunds had a time

    @property
    def holds(self) -> Decimal:
        """The part of the payment that no other refund can use."""
        return Decimal(0) if self.status == FAILED else self.amount.decimal

    @property
    def given(self) -> Decimal:
        """The amount that the buyer has received."""
        return self.amount.decimal if self.status == SUCCEEDED else Decimal(0)

    def as_json(self) -> Json:
        """The refund as the shop sees it."""
        return asdict(self) | {"charge": charge_of(self.payment_id), "created_at": iso(self.created_at)}

    @classmethod
    def from_record(cls, record: Json) -> Self:
        return cls(**restored(record, *({"created_at"} & record.keys())))


@dataclass(frozen=True)
class Dispute:
    """A dispute: the buyer's bank has taken the money back, and gives it again if the shop wins.

    `fee` is what the shop pays for the dispute, in any case. An inquiry takes nothing.
    """

    id: str
    payment_id: str
    amount: Money
    fee: Money
    created_at: datetime
    evidence_due_at: datetime
    reason: str
    inquiry: bool = False
    status: str = OPEN

    @property
    def holds(self) -> Decimal:
        """The part of the payment that the shop does not have."""
        return Decimal(0) if self.inquiry or self.status == WON else self.amount.decimal

    def as_json(self) -> Json:
        """The dispute as the shop sees it."""
        moments = {"created_at": iso(self.created_at), "evidence_due_at": iso(self.evidence_due_at)}
        return asdict(self) | moments | {"charge": charge_of(self.payment_id)}

    @classmethod
    def from_record(cls, record: Json) -> Self:
        return cls(**restored(record, "created_at", "evidence_due_at") | {"fee": Money(**record["fee"])})


def charge_of(payment_id: str) -> str:
    """The id of the charge of a paid payment."""
    return f"ch_{payment_id.removeprefix('sb_')}"


def restored(record: Json, *moments: str) -> Json:
    """The fields of a stored record; storage makes moments texts."""
    times = {name: datetime.fromisoformat(record[name]) for name in moments}
    return record | times | {"amount": Money(**record["amount"])}


def iso(moment: datetime) -> str:
    """UTC with a Z: unlike +00:00 it survives a query string."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
