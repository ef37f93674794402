"""The fault book: what shall go wrong, where, and how often. `mischief.py` acts it out."""

import secrets
import threading
import time
from dataclasses import asdict, dataclass, field
from typing import Any

from billing.sandbox.messages import Json, Refused
from billing.sandbox.request_fields import read_choice, read_count, read_number, read_text, read_url, refuse

Params = dict[str, Any]

PLACES = ("status", "create", "cancel", "list", "refund", "any")

# Every kind with its parameters and their defaults: milliseconds, seconds, bytes.
KINDS: dict[str, Params] = {
    "delay": {"delay_ms": 1000},
    "hang": {"hang_s": 60},
    "drip": {"drip_ms": 50},
    "reset": {},
    "lost_answer": {},
    "status_429": {"retry_after_s": 1},
    "status_500": {},
    "status_502_html": {},
    "html": {},
    "not_json": {},
    "oversized": {"size_bytes": 10_000_000},
    "redirect": {"location": "http://127.0.0.1:9/"},
    "wrong_amount": {},
    "wrong_currency": {},
    "wrong_reference": {},
    "unknown_status": {},
    "not_found": {},
    "unauthorized": {},
}

# How a whole outage shows, as kinds of faults.
OUTAGES = {"refuse": "reset", "hang": "hang", "status_500": "status_500"}


@dataclass
class Fault:
    """One thing that goes wrong at every n-th matching request, `times` times (None: until it is removed)."""

    where: str
    kind: str
    params: Params
    times: int | None = None
    payment: str | None = None
    every: int = 1
    matched: int = 0
    fired: int = 0
    id: str = field(default_factory=lambda: f"flt_{secrets.token_urlsafe(8)}")

    def matches(self, where: str, payment: str | None) -> bool:
        return self.where in ("any", where) and self.payment in (None, payment)

    def strikes(self) -> bool:
        """Counts one matching request and tells whether it is hit."""
        self.matched += 1
        hit = self.matched % self.every == 0
        self.fired += hit
        return hit

    @property
    def is_spent(self) -> bool:
        return self.times is not None and self.fired >= self.times

    def as_json(self) -> Json:
        document: Json = asdict(self)
        params: Params = document.pop("params")
        return document | params


class FaultBook:
    """Faults in the order in which they were written; the first that strikes wins. An outage beats them all."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._outage, self._outage_until = "", 0.0
        self._lock = threading.Lock()

    def add(self, fault: Fault) -> None:
        with self._lock:
            self._faults.append(fault)

    def remove(self, fault_id: str | None = None) -> None:
        """One fault, or all of them. Refuses an unknown id; a spent one is no longer known."""
        with self._lock:
            kept = [fault for fault in self._faults if fault_id not in (None, fault.id)]
            if fault_id and len(kept) == len(self._faults):
                raise Refused(404, "not_found", "There is no such fault.")
            self._faults = kept

    def all(self) -> list[Fault]:
        return list(self._faults)

    def start_outage(self, kind: str, seconds: float) -> None:
        self._outage, self._outage_until = OUTAGES[kind], time.monotonic() + seconds

    def end_outage(self) -> None:
        self._outage_until = 0.0

    def strike(self, where: str, payment: str | None) -> Fault | None:
        """What shall go wrong with this request, if anything."""
        if (left := self._outage_until - time.monotonic()) > 0:
            return Fault("any", self._outage, {"hang_s": left})
        if not self._faults:
            return None
        with self._lock:
            struck = next((each for each in self._faults if each.matches(where, payment) and each.strikes()), None)
            self._faults = [each for each in self._faults if not each.is_spent]
            return struck


def read_fault(source: Json) -> Fault:
    """A fault as the control API writes it down; a parameter that its kind does not know is refused."""
    kind = read_choice(source, "kind", tuple(KINDS))
    refuse_unknown(source, kind)
    return Fault(
        where=read_choice(source, "where", PLACES),
        kind=kind,
        params={name: read_param(source, name, default) for name, default in KINDS[kind].items()},
        times=read_count(source, "times"),
        payment=read_payment(source),
        every=read_count(source, "every") or 1,
    )


def refuse_unknown(source: Json, kind: str) -> None:
    """A misspelt parameter would silently test nothing."""
    for name in source.keys() - {"where", "kind", "times", "payment", "every", *KINDS[kind]}:
        refuse(name, f"is not known to a fault of the kind {kind}")


def read_param(source: Json, name: str, default: Any) -> Any:
    if isinstance(default, str):
        return read_url(source, name) or default
    return read_number(source, name, default, 0, 1_000_000_000)


def read_payment(source: Json) -> str | None:
    return None if source.get("payment") is None else read_text(source, "payment", 64, required=True)
