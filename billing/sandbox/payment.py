"""The payments and refunds of the sandbox."""

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Self

Json = dict[str, Any]

PENDING, AUTHORIZED, SUCCEEDED = "pending", "authorized", "succeeded"
CANCELED, EXPIRED, FAILED = "canceled", "expired", "failed"
STATUSES = (PENDING, AUTHORIZED, SUCCEEDED, CANCELED, EXPIRED, FAILED)
REFUND_STATUSES = (PENDING, SUCCEEDED, FAILED)


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
    """A payment. Never changed in place: a new version replaces the old one."""

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

    def is_overdue(self, now: datetime) -> bool:
        """Still pending although its window is over."""
        return self.status == PENDING and self.expires_at <= now

    def as_json(self, base_url: str) -> Json:
        """The payment as the shop sees it. `refunded_amount` appears with the first refund."""
        document = {
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
        return document

    @classmethod
    def from_record(cls, record: Json) -> Self:
        moments = {name: datetime.fromisoformat(record[name]) for name in ("created_at", "expires_at")}
        return cls(**record | moments | {"amount": Money(**record["amount"]), "refunded": Decimal(record["refunded"])})


@dataclass(frozen=True)
class Refund:
    """A refund: it succeeds at once, unless a drill makes it pending or failed."""

    id: str
    payment_id: str
    amount: Money
    status: str = SUCCEEDED
    reason: str = ""

    @property
    def holds(self) -> Decimal:
        """The part of the payment that no other refund can use."""
        return Decimal(0) if self.status == FAILED else self.amount.decimal

    @property
    def given(self) -> Decimal:
        """The amount that the buyer has received."""
        return self.amount.decimal if self.status == SUCCEEDED else Decimal(0)

    def as_json(self) -> Json:
        """The refund as the shop sees it; its record is the same."""
        return asdict(self)

    @classmethod
    def from_record(cls, record: Json) -> Self:
        return cls(**record | {"amount": Money(**record["amount"])})


def iso(moment: datetime) -> str:
    """UTC with a Z: unlike +00:00 it survives a query string."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
