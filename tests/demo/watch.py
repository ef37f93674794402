"""Observes from outside: the shop's answers, the provider's payments, and the mails that arrived."""

import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import requests

from tests.demo.customers import Customer
from tests.demo.verdict import ENDS, PAID, Case, Verdict
from tests.stack.mail import MailServer

ANSWER_WITHIN_S = 20.0
"""A busy machine answers late; the last reading must not take that for a silent shop."""

SELLERS = "@sellers.example.com"
"""The mail domain of the demonstration shop's sellers."""

QUIET_S = 3.0
"""How long nothing may change after all orders have ended: a duplicate mail would arrive a little later."""

REST_S = 75.0
"""Without a change for this long, an order without an end is lost. An order that waits for its payment's end is asked
about every 30 s (`commerce.orders.CHECK_AGAIN_AFTER`), everything else sooner: twice that, and some time to do it."""


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
        mails, states = self._mails(), [self._states.get(customer.order, "") for customer in self._customers]
        mailed = all(mails[each.email] for each, state in zip(self._customers, states, strict=True) if state == PAID)
        ended = mailed and all(state in ENDS for state in states)
        return ended and self._unchanged_for(QUIET_S)

    def is_at_rest(self) -> bool:
        """True if every customer has left, all parts answer, and nothing has changed for REST_S."""
        left = all(customer.has_left for customer in self._customers)
        return left and not self._silent and self._unchanged_for(REST_S)

    def verdict(self) -> Verdict:
        """Ask about everything once more, and compare.

        The mails are read first and the provider last, against the order in which things happen. So a payment that
        changes meanwhile contradicts nothing: what has a mail is paid by now, and what is paid is in the books.
        """
        at_rest = self.is_at_rest() or self.all_has_ended()
        self._silent.clear()
        mails = self._mails()
        states = {customer.order: self._state(customer.order) for customer in self._customers if customer.order}
        books = self._books()
        cases = [
            Case(
                customer=customer.number,
                plan=customer.plan,
                order=customer.order,
                books=None if books is None else tuple(books[customer.order]),
                state=states.get(customer.order, ""),
                mails=mails[customer.email],
                trouble=customer.trouble,
            )
            for customer in self._customers
        ]
        return Verdict(cases, at_rest, sorted(mails.keys() - {customer.email for customer in self._customers}))

    def _unchanged_for(self, seconds: float) -> bool:
        return time.monotonic() >= self._changed_at + seconds

    def _snapshot(self) -> Snapshot:
        states, due = Counter(self._states.values()), Counter(customer.plan.end for customer in self._customers)
        placed = sum(bool(customer.order) for customer in self._customers)
        return Snapshot(
            orders={
                "placed": (placed, len(self._customers)),
                **{end: (states[end], due[end]) for end in ENDS},
                "mailed": (self._mails().total(), due[PAID]),
            },
            callbacks=self._ask_sandbox("stats").get("callbacks", {}),
        )

    def _mails(self) -> Counter[str]:
        """Mails by recipient, without the mails to sellers, and without those that only ask for the payment."""
        told = (mail for mail in self._mail.messages if not mail.asks_to_pay)
        recipients = (recipient for mail in told for recipient in mail.recipients)
        return Counter(recipient for recipient in recipients if not recipient.endswith(SELLERS))

    def _books(self) -> defaultdict[str, list[str]] | None:
        """The states of the provider's payments by order; None without an answer."""
        answer = self._ask_sandbox("payments")
        books: defaultdict[str, list[str]] = defaultdict(list)
        for payment in answer.get("payments", []):
            books[payment["reference"]].append(payment["status"])
        return books if answer else None

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
