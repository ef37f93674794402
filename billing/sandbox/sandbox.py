"""The provider itself, without its HTTP server. Every public method is a drill that a test may call directly."""

import threading
from collections import Counter
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from billing.sandbox.faults import OUTAGES, FaultBook, Rule, read_fault
from billing.sandbox.ledger import ACTIONS, Ledger
from billing.sandbox.messages import read_choice, read_flag, read_money, read_number, read_text, refuse
from billing.sandbox.payment import REFUND_STATUSES, STATUSES, Json, Payment
from billing.sandbox.storage import Closed, Journal, Storage
from billing.sandbox.webhook_delivery import WebhookDelivery

EXPIRY_TICK_S = 0.2
"""How often to expire payments whose window is over."""


class Sandbox:
    """Payments and callbacks survive a restart if there is a database file; faults, rules and logs do not."""

    url = ""

    def __init__(self, database: str | Path | None, api_key: str, callback_secret: str) -> None:
        self.api_key = api_key
        self.storage = Storage(database)
        self.webhooks = WebhookDelivery(self.storage, callback_secret)
        self.ledger = Ledger(self.storage, on_change=self._announce)
        self.faults, self.journal = FaultBook(), Journal()
        self.stopping = threading.Event()

    def fault(self, where: str, kind: str, /, **options: Any) -> str:
        """Add a fault and return its id; `options` are times, payment, every and the parameters of the kind."""
        fault = read_fault({"where": where, "kind": kind, **options})
        self.faults.add(fault)
        return fault.id

    def clear_faults(self, fault_id: str | None = None) -> None:
        self.faults.remove(fault_id)

    def outage(self, kind: str, seconds: float) -> Json:
        """Make every call of the merchant API fail for `seconds`: refuse, hang or status_500."""
        source = {"kind": kind, "seconds": seconds}
        self.faults.start_outage(
            read_choice(source, "kind", tuple(OUTAGES)), read_number(source, "seconds", 0, 0, 86_400)
        )
        return source

    def end_outage(self) -> None:
        self.faults.end_outage()

    def callbacks(self, /, **rule: Any) -> Json:
        """Set the whole rule for callbacks (see `Rule`); without arguments all callbacks are delivered again."""
        self.webhooks.obey(Rule.read(rule))
        return asdict(self.webhooks.rule)

    def act(self, payment_id: str, action: str) -> Json:
        """The buyer presses pay, cancel, decline or authorize. Refuses a payment that is no longer pending."""
        read_choice({"action": action}, "action", tuple(ACTIONS))
        return self.show(self.ledger.act(payment_id, action))

    def force(self, payment_id: str, status: str, reason: str = "", amount: Json | None = None) -> Json:
        """Set any status and send its callback, if it is new. `amount`: what was taken, if not the sum asked for."""
        read_choice({"status": status}, "status", STATUSES)
        read_text({"reason": reason}, "reason", 64)
        taken = None if amount is None else read_money({"amount": amount})
        return self.show(self.ledger.force(payment_id, status, reason, taken))

    def refund(self, payment_id: str, amount: Json | None) -> Json:
        """Refund by hand, in the provider's own pages."""
        return self.ledger.refund_by_hand(payment_id, read_money({"amount": amount})).as_json()

    def refunds_start_as(self, status: str) -> None:
        """New refunds succeed at once, stay pending until `force_refund`, or fail."""
        self.ledger.refunds_start_as = read_choice({"status": status}, "status", REFUND_STATUSES)

    def force_refund(self, refund_id: str, status: str, reason: str = "") -> Json:
        """Set any status: a bank that takes days, or returns the money."""
        read_choice({"status": status}, "status", REFUND_STATUSES)
        read_text({"reason": reason}, "reason", 64)
        return self.ledger.force_refund(refund_id, status, reason).as_json()

    def refunds(self) -> list[Json]:
        """All refunds, oldest first."""
        return [refund.as_json() for refund in self.ledger.refunds()]

    def forge(self, payment_id: str, event_type: str = "payment.succeeded", *, signed: bool = False) -> Json:
        """Send a callback with a false status. Unsigned means: its signature is made with a wrong secret."""
        payment = self.ledger.find(payment_id)
        status = read_text({"type": event_type}, "type", 64, required=True).rpartition(".")[2]
        read_flag({"signed": signed}, "signed")
        if not payment.callback_url:
            refuse("payment", "has no callback_url")
        self.webhooks.forge(event_type, self.show(payment) | {"status": status}, payment.callback_url, signed=signed)
        return {"type": event_type}

    def payments(self) -> list[Json]:
        """All payments, oldest first, each with the counters of its callbacks."""
        return [self.show(payment) | {"callbacks": self.webhooks.counters(payment.id)} for payment in self.ledger.all()]

    def requests(self, payment: str | None = None) -> list[Json]:
        return [entry.as_json() for entry in self.journal.entries(payment)]

    def stats(self) -> Json:
        counts = Counter(payment.status for payment in self.ledger.all())
        return {
            "payments": {status: counts[status] for status in STATUSES},
            "requests": self.journal.total,
            "callbacks": self.webhooks.totals(),
        }

    def show(self, payment: Payment) -> Json:
        return payment.as_json(self.url)

    def _announce(self, payment: Payment) -> None:
        self.webhooks.announce(self.show(payment), payment.callback_url)

    def _watch_expiries(self) -> None:
        with suppress(Closed):
            while not self.stopping.wait(EXPIRY_TICK_S):
                self.ledger.expire_due(datetime.now(UTC))
