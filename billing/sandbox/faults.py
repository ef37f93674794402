"""The fault book: which requests and callbacks fail, how, and how often. `fault_responses.py` does what it says."""

import secrets
import threading
import time
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Self

from billing.sandbox.messages import (
    Refused,
    read_choice,
    read_count,
    read_flag,
    read_number,
    read_text,
    read_url,
    refuse,
)
from billing.sandbox.payment import Json

Params = dict[str, Any]

PLACES = ("status", "create", "cancel", "list", "refund", "dispute", "any")

WITHOUT_PARAMETERS = (
    "reset", "lost_answer", "status_500", "status_502_html", "html", "not_json", "not_found", "unauthorized",
    "invalid_request", "wrong_amount", "wrong_currency", "wrong_reference", "unknown_status",
)  # fmt: skip

# Every kind with its parameters and their defaults: milliseconds, seconds, bytes.
KINDS: dict[str, Params] = {
    "delay": {"delay_ms": 1000},
    "hang": {"hang_s": 60},
    "drip": {"drip_ms": 50},
    "status_429": {"retry_after_s": 1},
    "oversized": {"size_bytes": 10_000_000},
    "redirect": {"location": "http://127.0.0.1:9/"},
    **{kind: {} for kind in WITHOUT_PARAMETERS},
}

# The kinds of outage, each as a kind of fault.
OUTAGES = {"refuse": "reset", "hang": "hang", "status_500": "status_500"}

# The fates of callbacks.
PLAIN, LOST, DUPLICATED, LATE = "plain", "lost", "duplicated", "late"


@dataclass
class Fault:
    """A fault at every n-th matching request, `times` times (None: until it is removed)."""

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
        """Count one matching request; True if the fault hits it."""
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
    """Faults in the order in which they were added; the first that hits wins. An outage comes before all of them."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._outage, self._outage_until = "", 0.0
        self._lock = threading.Lock()

    def add(self, fault: Fault) -> None:
        with self._lock:
            self._faults.append(fault)

    def remove(self, fault_id: str | None = None) -> None:
        """Remove one fault, or all. Refuses an unknown id; a spent fault is unknown too."""
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
        """The fault of this request; None if it has none."""
        if (left := self._outage_until - time.monotonic()) > 0:
            return Fault("any", self._outage, {"hang_s": left})
        if not self._faults:
            return None
        with self._lock:
            struck = next((each for each in self._faults if each.matches(where, payment) and each.strikes()), None)
            self._faults = [each for each in self._faults if not each.is_spent]
            return struck


def read_fault(source: Json) -> Fault:
    """Read a fault of the control API. Refuses an unknown parameter: a misspelled one would silently test nothing."""
    kind = read_choice(source, "kind", tuple(KINDS))
    for name in source.keys() - {"where", "kind", "times", "payment", "every", *KINDS[kind]}:
        refuse(name, f"is not known to a fault of the kind {kind}")
    return Fault(
        where=read_choice(source, "where", PLACES),
        kind=kind,
        params={name: read_param(source, name, default) for name, default in KINDS[kind].items()},
        times=read_count(source, "times"),
        payment=None if source.get("payment") is None else read_text(source, "payment", 64, required=True),
        every=read_count(source, "every") or 1,
    )


def read_param(source: Json, name: str, default: Any) -> Any:
    if isinstance(default, str):
        return read_url(source, name) or default
    return read_number(source, name, default, 0, 1_000_000_000)


@dataclass(frozen=True)
class Rule:
    """The faults of callbacks: of every n-th one, counted over all callbacks; None: never.

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
        for name in source.keys() - {each.name for each in fields(cls)}:
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


def divides(every: int | None, number: int) -> bool:
    return every is not None and number % every == 0
