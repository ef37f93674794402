"""Callbacks: their body, their signature, the rule that loses, duplicates and delays them, and their queue."""

import hashlib
import heapq
import hmac
import json
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from itertools import count
from typing import Self

from billing.sandbox.messages import read_count, read_flag, read_number, refuse
from billing.sandbox.payment import Json, iso

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

    def as_json(self) -> Json:
        return asdict(self)


@dataclass(frozen=True)
class Delivery:
    """One callback to deliver. `body` never changes; `due` is when to send it, in Unix seconds.

    A forged one is sent only once; with `signed` off its signature is made with a wrong secret.
    """

    payment_id: str
    url: str
    body: str
    id: str = field(default_factory=lambda: secrets.token_urlsafe(12))
    due: float = field(default_factory=time.time)
    tries: int = 0
    forged: bool = False
    signed: bool = True


class DeliveryQueue:
    """The callbacks that wait, shared by several threads: hands out each once, to one thread, not before it is due."""

    def __init__(self) -> None:
        self._numbers = count()
        self._heap: list[tuple[float, int, Delivery]] = []
        self._changed, self._closed = threading.Condition(), False

    def __len__(self) -> int:
        return len(self._heap)

    def put(self, delivery: Delivery) -> None:
        with self._changed:
            heapq.heappush(self._heap, (delivery.due, next(self._numbers), delivery))
            self._changed.notify()

    def take(self) -> Delivery | None:
        """Wait for the next due callback; None once the queue is closed."""
        with self._changed:
            while not self._closed and not self._is_due():
                self._changed.wait(self._seconds_left())
            if self._closed:
                return None
            *_, delivery = heapq.heappop(self._heap)
            self._changed.notify()  # this thread is busy now: another one must wait for the next one
            return delivery

    def pull(self, wanted: Callable[[Delivery], bool]) -> list[Delivery]:
        """Remove all wanted callbacks, due or not, earliest first."""
        with self._changed:
            found = [entry for entry in sorted(self._heap, key=lambda each: each[:2]) if wanted(entry[2])]
            self._heap = [entry for entry in self._heap if not wanted(entry[2])]
            heapq.heapify(self._heap)
            return [delivery for *_, delivery in found]

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _is_due(self) -> bool:
        return bool(self._heap) and self._heap[0][0] <= time.time()

    def _seconds_left(self) -> float | None:
        return max(self._heap[0][0] - time.time(), 0) if self._heap else None


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
