"""Observes from outside: the shop's answers, the provider's payments, and the mails that arrived."""

import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import requests

from tests.demo.customers import Customer
from tests.demo.verdict import ENDS, Case, Verdict
from tests.stack.mail import MailServer

ANSWER_WITHIN_S = 3.0

SELLERS = "@sellers.example.com"
"""The mail domain of the demonstration shop's sellers."""

QUIET_S = 3.0
"""How long nothing may change after all orders have ended: a duplicate mail would arrive a little later."""


@dataclass(frozen=True)
class Snapshot:
    """The numbers of a moment; those of orders and mails with their expected value."""

    orders: dict[str, tuple[int, int]]
    callbacks: dict[str, int]


class Watch:
    """Polls and remembers; does not read the shop's database."""

    def __init__(self, customers: Sequence[Customer], shop_url: str, sandbox_url: str, mail: MailServer) -> None:
        self._customers, self._mail = customers, mail
        self._shop_url, self._sandbox_url = shop_url, sandbox_url
        self._states: dict[str, str] = {}
        self._last: Snapshot | None = None
        self._changed_at = time.monotonic()
        self._silent: set[str] = set()
        self._http = requests.Session()
        self._http.trust_env = False

    def poll(self) -> Snapshot:
        """Ask about every order that has not ended yet."""
        self._silent.clear()
        for customer in self._customers:
            if customer.order and self._states.get(customer.order) not in ENDS:
                self._states[customer.order] = self._state(customer.order)
        snapshot = self._snapshot()
        if snapshot != self._last:
            self._last, self._changed_at = snapshot, time.monotonic()
        return snapshot

    def all_has_ended(self) -> bool:
        """True if every order has ended with its mails, and nothing has changed for QUIET_S."""
        mails = self._mails()
        ended = all(
            self._states.get(customer.order) in ENDS and mails[customer.email] >= customer.plan.mails
            for customer in self._customers
        )
        return ended and time.monotonic() >= self._changed_at + QUIET_S

    def verdict(self) -> Verdict:
        """Ask about everything once more, and compare."""
        self._silent.clear()
        books, mails = self._books(), self._mails()
        cases = [self._case(customer, books[customer.order], mails) for customer in self._customers]
        return Verdict(cases, sorted(mails.keys() - {customer.email for customer in self._customers}))

    def _case(self, customer: Customer, books: Sequence[str], mails: Counter[str]) -> Case:
        return Case(
            customer=customer.number,
            plan=customer.plan,
            order=customer.order,
            books=tuple(books),
            state=self._state(customer.order) if customer.order else "",
            mails=mails[customer.email],
            trouble=customer.trouble,
        )

    def _snapshot(self) -> Snapshot:
        states, due = Counter(self._states.values()), Counter(customer.plan.end for customer in self._customers)
        placed = sum(bool(customer.order) for customer in self._customers)
        return Snapshot(
            orders={
                "placed": (placed, len(self._customers)),
                **{end: (states[end], due[end]) for end in ENDS},
                "mailed": (self._mails().total(), sum(customer.plan.mails for customer in self._customers)),
            },
            callbacks=self._ask_sandbox("stats").get("callbacks", {}),
        )

    def _mails(self) -> Counter[str]:
        """Mails by recipient, without the mails to sellers, and without those that only ask for the payment."""
        told = (mail for mail in self._mail.messages if not mail.asks_to_pay)
        recipients = (recipient for mail in told for recipient in mail.recipients)
        return Counter(recipient for recipient in recipients if not recipient.endswith(SELLERS))

    def _books(self) -> dict[str, list[str]]:
        books: defaultdict[str, list[str]] = defaultdict(list)
        for payment in self._ask_sandbox("payments").get("payments", []):
            books[payment["reference"]].append(payment["status"])
        return books

    def _state(self, order: str) -> str:
        return str(self._ask(self._shop_url, f"orders/{order}/state.json").get("state", ""))

    def _ask_sandbox(self, what: str) -> dict[str, Any]:
        return self._ask(self._sandbox_url, f"control/{what}")

    def _ask(self, server: str, path: str) -> dict[str, Any]:
        """An empty dict without an answer. A silent server is asked only once a round, because of the deadline."""
        if server in self._silent:
            return {}
        try:
            answer = self._http.get(f"{server}/{path}", timeout=ANSWER_WITHIN_S)
        except requests.RequestException:
            self._silent.add(server)
            return {}
        found: dict[str, Any] = answer.json() if answer.ok else {}
        return found
