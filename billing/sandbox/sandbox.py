"""The provider itself, without its HTTP server. Every public method is a drill that a test may call directly."""

import secrets
import threading
from collections import Counter
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from billing.sandbox.faults import OUTAGES, FaultBook, Rule, read_fault
from billing.sandbox.ledger import ACTIONS, Ledger
from billing.sandbox.messages import read_choice, read_flag, read_money, read_number, read_text, refuse
from billing.sandbox.payment import DISPUTE_STATUSES, REFUND_STATUSES, STATUSES, Dispute, Json, Money, Payment
from billing.sandbox.storage import Closed, Journal, Storage
from billing.sandbox.webhook_delivery import WebhookDelivery

EXPIRY_TICK_S = 0.2
"""How often to expire payments whose window is over."""

DISPUTE_FEE = "15"
"""In the currency of the payment: every currency can hold a whole number."""

EVIDENCE_S = 7 * 86_400
"""How long the shop has to answer a dispute, if a drill does not say so."""


class Sandbox:
    """What the ledger has and callbacks survive a restart if there is a database file; faults, rules, logs do not."""

    url = ""

    def __init__(self, database: str | Path | None, api_key: str, callback_secret: str) -> None:
        self.api_key = api_key
        self.storage = Storage(database)
        self.webhooks = WebhookDelivery(self.storage, callback_secret)
        self.ledger = Ledger(self.storage, tell=self._announce)
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
        """The buyer presses pay, transfer, cancel, decline or authorize. Refuses a payment that is not open."""
        read_choice({"action": action}, "action", tuple(ACTIONS))
        return self.show(self.ledger.act(payment_id, action))

    def force(self, payment_id: str, status: str, reason: str = "", amount: Json | None = None) -> Json:
        """Set any status and send its callback, if it is new: the end of a transfer too.

        `amount`: what was taken, if not the sum asked for.
        """
        read_choice({"status": status}, "status", STATUSES)
        read_text({"reason": reason}, "reason", 64)
        taken = None if amount is None else read_money({"amount": amount})
        return self.show(self.ledger.force(payment_id, status, reason, taken))

    def forget(self, payment_id: str) -> None:
        """Forget an unpaid payment: it is not found any more."""
        self.ledger.forget_payment(payment_id)

    def refund(self, payment_id: str, amount: Json | None, *, callback: bool = False) -> Json:
        """Refund by hand, in the provider's own pages; with `callback` the shop hears of it."""
        told = read_flag({"callback": callback}, "callback")
        return self.ledger.refund_by_hand(payment_id, read_money({"amount": amount}), told=told).as_json()

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

    def dispute(self, payment_id: str, /, **fields: Any) -> Json:
        """The buyer's bank opens a dispute; `fields` are amount (default: all), reason, inquiry and due_in_s."""
        paid, now = self.ledger.find(payment_id).amount, datetime.now(UTC)
        due_in_s = read_number(fields, "due_in_s", EVIDENCE_S, 0, 10 * EVIDENCE_S)
        dispute = Dispute(
            id=f"dp_{secrets.token_urlsafe(16)}",
            payment_id=payment_id,
            amount=read_money(fields) if "amount" in fields else paid,
            fee=Money(DISPUTE_FEE, paid.currency),
            created_at=now,
            evidence_due_at=now + timedelta(seconds=due_in_s),
            reason=read_text(fields, "reason", 64) or "fraudulent",
            inquiry=read_flag(fields, "inquiry"),
        )
        return self.ledger.open_dispute(dispute).as_json()

    def force_dispute(self, dispute_id: str, status: str) -> Json:
        """Set any status: open, review (the shop has answered), won or lost."""
        read_choice({"status": status}, "status", DISPUTE_STATUSES)
        return self.ledger.force_dispute(dispute_id, status).as_json()

    def disputes(self) -> list[Json]:
        """All disputes, oldest first."""
        return [dispute.as_json() for dispute in self.ledger.disputes()]

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

    def _announce(self, event_type: str, payment: Payment, about: Json) -> None:
        self.webhooks.announce(event_type, self.show(payment), payment.callback_url, about)

    def _watch_expiries(self) -> None:
        with suppress(Closed):
            while not self.stopping.wait(EXPIRY_TICK_S):
                self.ledger.expire_due(datetime.now(UTC))
