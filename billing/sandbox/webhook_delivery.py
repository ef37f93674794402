"""The courier carries callbacks to the shops, again and again until they are accepted.

What is on its way is kept in the storage until a shop has accepted it. A crash between the two means that it is sent
again: callbacks arrive at least once, and shops must cope.
"""

import http.client
import secrets
import threading
import time
from collections import Counter, defaultdict
from contextlib import suppress
from dataclasses import asdict, replace
from urllib.parse import urlsplit

from billing.sandbox.callbacks import DUPLICATED, LATE, LOST, Delivery, Rule, event_body, new_delivery, signature
from billing.sandbox.delay_queue import DelayQueue
from billing.sandbox.messages import Json
from billing.sandbox.storage import Closed, Storage

# Seconds until a refused callback is sent again, after the 1st, 2nd, ... try; the last one holds for all later tries.
RETRY_AFTER_S = (1, 2, 5, 10, 30, 60, 300)

# Seconds that a shop may be silent before a try counts as refused.
TIMEOUT_S = 5

# Shops that may hang at the same time before the callbacks of others have to wait.
WORKERS = 16

# Seconds between two reordered callbacks of one payment: the shop shall see them one after the other.
REORDER_GAP_S = 0.2

COUNTERS = ("sent", "delivered", LOST, DUPLICATED, LATE)


class WebhookDelivery:
    """Counters per payment: `sent` are tries, `delivered` were accepted, the others are what the rule did."""

    def __init__(self, storage: Storage, secret: str) -> None:
        self._storage, self._secret = storage, secret
        self._room = DelayQueue[Delivery](lambda delivery: delivery.due)
        self._tally: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._tally.update({payment_id: Counter(counts) for payment_id, counts in storage.load("tally").items()})
        self._rule, self._number = Rule(), 0
        for record in storage.load("delivery").values():
            self._room.put(Delivery(**record))

    @property
    def rule(self) -> Rule:
        return self._rule

    @rule.setter
    def rule(self, rule: Rule) -> None:
        """A new rule starts counting at 1 again, so that a drill can be repeated."""
        with self._storage.together():
            self._rule, self._number = rule, 0

    def start(self) -> None:
        for number in range(WORKERS):
            threading.Thread(target=self._work, name=f"sandbox-courier-{number}", daemon=True).start()

    def stop(self) -> None:
        """Returns at once; a try that is under way is not waited for and is repeated after the next start."""
        self._room.close()

    def announce(self, payment: Json, url: str) -> None:
        """A payment changed its status: tell the shop, as far as the rule allows. Only inside `Storage.together`."""
        if not url:
            return
        self._number += 1
        fate = self._rule.fate(self._number)
        body = event_body(f"payment.{payment['status']}", payment)
        if fate in (LOST, DUPLICATED, LATE):
            self._count(payment["id"], fate)
        if fate != LOST:
            self._dispatch(new_delivery(payment["id"], url, body, time.time()), fate)

    def forge(self, event_type: str, payment: Json, url: str, *, signed: bool) -> None:
        """Sends what no change of status stands behind, once."""
        delivery = new_delivery(payment["id"], url, event_body(event_type, payment), time.time())
        self._room.put(replace(delivery, forged=True, signed=signed))

    def forget(self) -> None:
        """Nothing is on its way any more, as in a new sandbox; a try that is under way is its callback's last."""
        with self._storage.together():
            self._room.pull(lambda _: True)
            self._storage.drop_all("delivery")

    def counters(self, payment_id: str) -> dict[str, int]:
        counts = self._tally.get(payment_id, Counter())
        return {name: counts[name] for name in COUNTERS}

    def totals(self) -> dict[str, int]:
        counts = sum(list(self._tally.values()), Counter[str]())
        return {name: counts[name] for name in COUNTERS} | {"waiting": len(self._room)}

    def _dispatch(self, delivery: Delivery, fate: str) -> None:
        if self._rule.reorder or fate == LATE:
            delivery = replace(delivery, due=delivery.due + self._rule.late_s)
        if self._rule.reorder:
            self._put_before_older(delivery)
        else:
            self._keep(delivery)
        if fate == DUPLICATED:
            self._keep(replace(delivery, id=secrets.token_urlsafe(12)))

    def _put_before_older(self, newest: Delivery) -> None:
        older = self._room.pull(lambda each: each.payment_id == newest.payment_id)
        for place, delivery in enumerate([newest, *older]):
            self._keep(replace(delivery, due=newest.due + place * REORDER_GAP_S))

    def _keep(self, delivery: Delivery) -> None:
        self._storage.put("delivery", delivery.id, asdict(delivery))
        self._room.put(delivery)

    def _work(self) -> None:
        with suppress(Closed):
            while delivery := self._room.take():
                accepted = post(delivery, self._signature(delivery))
                with self._storage.together():
                    self._settle(delivery, accepted=accepted)

    def _signature(self, delivery: Delivery) -> str:
        secret = self._secret if delivery.signed else secrets.token_urlsafe(16)
        return signature(secret, delivery.body.encode())

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
    """One try; True when the shop took it (any 2xx). No proxies, no redirects: a shop that moved must say so."""
    parts = urlsplit(delivery.url)
    connect = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = connect(parts.hostname or "", parts.port, timeout=TIMEOUT_S)
    try:
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        headers = {"Content-Type": "application/json", "Sandbox-Signature": signature}
        connection.request("POST", target, delivery.body.encode(), headers)
        return 200 <= connection.getresponse().status < 300
    except (OSError, ValueError, http.client.HTTPException):  # ValueError: a host name that cannot be one
        return False
    finally:
        connection.close()
