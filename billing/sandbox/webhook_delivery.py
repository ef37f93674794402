"""Webhook delivery: sends callbacks to the shops, and repeats them until they are accepted.

A callback stays in the storage until the shop has accepted it. After a crash between the two it is sent again:
callbacks arrive at least once, and shops must handle repeats.
"""

import hashlib
import heapq
import hmac
import http.client
import json
import secrets
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from itertools import count
from urllib.parse import urlsplit

from billing.sandbox.faults import DUPLICATED, LATE, LOST, Rule
from billing.sandbox.payment import Json, iso
from billing.sandbox.storage import Closed, Storage

RETRY_AFTER_S = (1, 2, 5, 10, 30, 60, 300)
"""Waits after the 1st, 2nd, ... refused try; the last one holds for all later tries."""

TIMEOUT_S = 5
"""Timeout for the shop's answer; then the try counts as refused."""

WORKERS = 16
"""Shops that may hang at the same time before the callbacks of others wait."""

REORDER_GAP_S = 0.2
"""Between two reordered callbacks of one payment: the shop must get them one after the other."""

COUNTERS = ("sent", "delivered", LOST, DUPLICATED, LATE)


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
            while not self._closed:
                left_s = self._heap[0][0] - time.time() if self._heap else None
                if left_s is not None and left_s <= 0:
                    *_, delivery = heapq.heappop(self._heap)
                    self._changed.notify()  # this thread is busy now: another one must wait for the next one
                    return delivery
                self._changed.wait(left_s)
            return None

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


class WebhookDelivery:
    """Counters per payment: `sent` counts tries, `delivered` accepted callbacks, the others the effects of the rule."""

    def __init__(self, storage: Storage, secret: str) -> None:
        self._storage, self._secret = storage, secret
        self._queue = DeliveryQueue()
        self._tally: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._tally.update({payment_id: Counter(counts) for payment_id, counts in storage.load("tally").items()})
        self.rule, self._number = Rule(), 0
        for record in storage.load("delivery").values():
            self._queue.put(Delivery(**record))

    def obey(self, rule: Rule) -> None:
        """A new rule starts to count at 1 again, so that a drill can be repeated."""
        with self._storage.together():
            self.rule, self._number = rule, 0

    def start(self) -> None:
        for number in range(WORKERS):
            threading.Thread(target=self._work, name=f"sandbox-webhooks-{number}", daemon=True).start()

    def stop(self) -> None:
        """Returns at once; a try that is under way is repeated after the next start."""
        self._queue.close()

    def announce(self, event_type: str, payment: Json, url: str, about: Json) -> None:
        """Send the callback of a change, as far as the rule allows. Only inside `Storage.together`."""
        if not url:
            return
        self._number += 1
        fate = self.rule.fate(self._number)
        body = event_body(event_type, payment, about)
        if fate in (LOST, DUPLICATED, LATE):
            self._count(payment["id"], fate)
        if fate != LOST:
            self._dispatch(Delivery(payment["id"], url, body), fate)

    def forge(self, event_type: str, payment: Json, url: str, *, signed: bool) -> None:
        """Send a callback without a change of status, once."""
        body = event_body(event_type, payment, {})
        self._queue.put(Delivery(payment["id"], url, body, forged=True, signed=signed))

    def forget(self) -> None:
        """Drop all callbacks, as in a new sandbox; a try that is under way is the last of its callback."""
        with self._storage.together():
            self._queue.pull(lambda _: True)
            self._storage.drop_all("delivery")

    def counters(self, payment_id: str) -> dict[str, int]:
        counts = self._tally.get(payment_id, Counter())
        return {name: counts[name] for name in COUNTERS}

    def totals(self) -> dict[str, int]:
        counts = sum(list(self._tally.values()), Counter[str]())
        return {name: counts[name] for name in COUNTERS} | {"waiting": len(self._queue)}

    def _dispatch(self, delivery: Delivery, fate: str) -> None:
        if self.rule.reorder or fate == LATE:
            delivery = replace(delivery, due=delivery.due + self.rule.late_s)
        if self.rule.reorder:
            older = self._queue.pull(lambda each: each.payment_id == delivery.payment_id)
            for place, each in enumerate([delivery, *older]):
                self._keep(replace(each, due=delivery.due + place * REORDER_GAP_S))
        else:
            self._keep(delivery)
        if fate == DUPLICATED:
            self._keep(replace(delivery, id=secrets.token_urlsafe(12)))

    def _keep(self, delivery: Delivery) -> None:
        self._storage.put("delivery", delivery.id, asdict(delivery))
        self._queue.put(delivery)

    def _work(self) -> None:
        with suppress(Closed):
            while delivery := self._queue.take():
                secret = self._secret if delivery.signed else secrets.token_urlsafe(16)
                accepted = post(delivery, signature(secret, delivery.body.encode()))
                with self._storage.together():
                    self._settle(delivery, accepted=accepted)

    def _settle(self, delivery: Delivery, *, accepted: bool) -> None:
        self._count(delivery.payment_id, "sent", *(["delivered"] if accepted else []))
        if accepted or delivery.forged:
            self._storage.drop("delivery", delivery.id)
        elif self._storage.has("delivery", delivery.id):
            pause = RETRY_AFTER_S[min(delivery.tries, len(RETRY_AFTER_S) - 1)]
            self._keep(replace(delivery, tries=delivery.tries + 1, due=time.time() + pause))

    def _count(self, payment_id: str, *names: str) -> None:
        self._tally[payment_id].update(names)
        self._storage.put("tally", payment_id, dict(self._tally[payment_id]))


def post(delivery: Delivery, signature: str) -> bool:
    """One try; True if the shop accepted it (any 2xx). No proxies, no redirects."""
    parts = urlsplit(delivery.url)
    connect = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    # Without a port it would take the end of an IPv6 address for one.
    connection = connect(parts.hostname or "", parts.port or connect.default_port, timeout=TIMEOUT_S)
    try:
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        headers = {"Content-Type": "application/json", "Sandbox-Signature": signature}
        connection.request("POST", target, delivery.body.encode(), headers)
        return 200 <= connection.getresponse().status < 300
    except (OSError, ValueError, http.client.HTTPException):  # ValueError: a host name that cannot be one
        return False
    finally:
        connection.close()


def event_body(event_type: str, payment: Json, about: Json) -> str:
    """The body of one event with its own id; `about` is the refund or dispute of the payment, if it is about one."""
    event = {"id": f"evt_{secrets.token_urlsafe(16)}", "type": event_type, "created_at": iso(datetime.now(UTC))}
    return json.dumps(event | {"payment": payment} | about)


def signature(secret: str, body: bytes) -> str:
    """The value of the Sandbox-Signature header. It signs the time of sending too, so old callbacks can be refused."""
    moment = int(time.time())
    digest = hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={moment},v1={digest}"
