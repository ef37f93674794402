"""Callbacks: their body, their signature, and the rule that loses, duplicates and delays them."""

import hashlib
import hmac
import json
import secrets
import time
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from typing import Self

from billing.sandbox.messages import Json
from billing.sandbox.payment import iso
from billing.sandbox.request_fields import read_count, read_flag, read_number, refuse

PLAIN, LOST, DUPLICATED, LATE = "plain", "lost", "duplicated", "late"


@dataclass(frozen=True)
class Rule:
    """The faults of every n-th callback, counted over all callbacks; None: never.

    If several apply, lost wins over duplicated, and duplicated over late. `reorder` holds the callbacks of one payment
    back for `late_s` seconds and then sends the newest first.
    """

    lose_every: int | None = None
    duplicate_every: int | None = None
    late_every: int | None = None
    late_s: float = 2.0
    reorder: bool = False
    lose_all: bool = False

    @classmethod
    def read(cls, source: Json) -> Self:
        """Read the whole rule: a missing name is off, an unknown name is refused."""
        for name in source.keys() - {field.name for field in fields(cls)}:
            refuse(name, "is not part of the rule for callbacks")
        return cls(
            lose_every=read_count(source, "lose_every"),
            duplicate_every=read_count(source, "duplicate_every"),
            late_every=read_count(source, "late_every"),
            late_s=read_number(source, "late_s", cls.late_s, 0, 3600),
            reorder=read_flag(source, "reorder"),
            lose_all=read_flag(source, "lose_all"),
        )

    def fate(self, number: int) -> str:
        """What happens to the `number`-th callback, counted from 1."""
        if self.lose_all or divides(self.lose_every, number):
            return LOST
        if divides(self.duplicate_every, number):
            return DUPLICATED
        return LATE if divides(self.late_every, number) else PLAIN

    def as_json(self) -> Json:
        return asdict(self)


@dataclass(frozen=True)
class Delivery:
    """One callback to deliver. `body` never changes; `due` is when to send it, in Unix seconds.

    A forged one is sent only once; with `signed` off its signature is made with a wrong secret.
    """

    id: str
    payment_id: str
    url: str
    body: str
    due: float
    tries: int = 0
    forged: bool = False
    signed: bool = True


def new_delivery(payment_id: str, url: str, body: str, due: float) -> Delivery:
    return Delivery(secrets.token_urlsafe(12), payment_id, url, body, due)


def event_body(event_type: str, payment: Json) -> str:
    """The body of one event about a payment, with its own id."""
    event = {"id": f"evt_{secrets.token_urlsafe(16)}", "type": event_type, "created_at": iso(datetime.now(UTC))}
    return json.dumps(event | {"payment": payment})


def signature(secret: str, body: bytes) -> str:
    """The value of the Sandbox-Signature header. It signs the time of sending too, so old callbacks can be refused."""
    moment = int(time.time())
    digest = hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={moment},v1={digest}"


def divides(every: int | None, number: int) -> bool:
    return every is not None and number % every == 0
