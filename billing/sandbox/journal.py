"""The request log: the shop's calls of the merchant API, for tests that count them."""

from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime

from billing.sandbox.messages import Json, Request
from billing.sandbox.payment import iso

LONGEST = 20_000
"""Requests kept; older ones are forgotten, but still counted."""


@dataclass(slots=True)
class Entry:
    """One request. `status` is None if it was not answered; `fault` is the kind of fault that hit it."""

    method: str
    path: str
    idempotency_key: str | None
    payment: str | None
    at: datetime
    status: int | None = None
    fault: str | None = None

    def as_json(self) -> Json:
        return {
            "method": self.method,
            "path": self.path,
            "status": self.status,
            "fault": self.fault,
            "at": iso(self.at),
            "idempotency_key": self.idempotency_key,
            "payment": self.payment,
        }


class Journal:
    def __init__(self) -> None:
        self._entries: deque[Entry] = deque(maxlen=LONGEST)
        self.total = 0

    def note(self, request: Request, payment: str | None) -> Entry:
        entry = Entry(request.method, request.path, request.headers.get("Idempotency-Key"), payment, datetime.now(UTC))
        self._entries.append(entry)
        self.total += 1
        return entry

    def entries(self, payment: str | None = None) -> list[Entry]:
        """Oldest first; all of them, or those about one payment."""
        return [entry for entry in list(self._entries) if payment in (None, entry.payment)]

    def clear(self) -> None:
        self._entries.clear()
        self.total = 0
