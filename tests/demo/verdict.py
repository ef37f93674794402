"""Compares the customers' plans with the results. Pure functions, without any I/O."""

from collections.abc import Sequence
from dataclasses import dataclass

PAID, CANCELED, EXPIRED = "paid", "canceled", "expired"

ENDS = (PAID, CANCELED, EXPIRED)
"""The shop's final states of an order."""


@dataclass(frozen=True)
class Plan:
    """What a customer does on the provider's page, and the expected outcome."""

    text: str
    button: str | None
    returns: bool
    end: str
    """The expected state of the order."""
    books: tuple[str, ...]
    """The expected states of the payment at the provider, any of them."""

    @property
    def mails(self) -> int:
        """The expected number of confirmation mails."""
        return int(self.end == PAID)


PAYS = Plan("pays", "pay", True, PAID, ("succeeded",))
PAYS_AND_LEAVES = Plan("pays and closes the tab", "pay", False, PAID, ("succeeded",))
CANCELS = Plan("cancels", "cancel", True, CANCELED, ("canceled",))
CANCELS_AND_LEAVES = Plan("cancels and closes the tab", "cancel", False, CANCELED, ("canceled",))
WALKS_AWAY = Plan("never pays", None, False, EXPIRED, ("canceled", "expired"))  # the shop cancels in time


@dataclass(frozen=True)
class Case:
    """One customer: the plan, and the order as seen from outside."""

    customer: int
    plan: Plan
    order: str = ""
    """The order's public id; empty if it was never placed."""
    books: tuple[str, ...] = ()
    """The state of each payment that the provider has for the order."""
    state: str = ""
    """The order's state in the shop."""
    mails: int = 0
    trouble: str = ""
    """Why the customer could not follow the plan."""

    @property
    def has_ended(self) -> bool:
        """True in any final state."""
        return self.state in ENDS

    @property
    def is_right(self) -> bool:
        """The shop and the provider agree with the plan; mails do not count here. Paid twice is not right."""
        return self.state == self.plan.end and len(self.books) == 1 and self.books[0] in self.plan.books

    @property
    def is_wrong(self) -> bool:
        """A final state that differs from the plan; or the right one, with too many mails."""
        return self.has_ended and (not self.is_right or self.mails > self.plan.mails)

    @property
    def is_lost(self) -> bool:
        """No final state in time, or no order; or the right state, with a missing mail."""
        return not self.has_ended or (self.is_right and self.mails < self.plan.mails)

    def __str__(self) -> str:
        return (
            f"customer {self.customer} {self.plan.text}; order {self.order or 'never placed'}; "
            f"provider: {', '.join(self.books) or 'no payment'}; shop: {self.state or 'no answer'}, "
            f"should be {self.plan.end}; mails: {self.mails}, should be {self.plan.mails}"
        ) + (f"; trouble: {self.trouble}" if self.trouble else "")


@dataclass(frozen=True)
class Verdict:
    """The result of all customers."""

    cases: Sequence[Case]
    strays: Sequence[str] = ()
    """Addresses that got a mail without an order; each counts as wrong."""

    @property
    def wrong(self) -> int:
        """The number of orders with a wrong outcome, and of mails to strangers."""
        return sum(case.is_wrong for case in self.cases) + len(self.strays)

    @property
    def lost(self) -> int:
        """The number of orders without an outcome in time, or without their mail."""
        return sum(case.is_lost for case in self.cases)

    @property
    def is_fine(self) -> bool:
        """True if every order has its expected outcome."""
        return not self.wrong and not self.lost

    def complaints(self) -> list[str]:
        """One line for each difference."""
        cases = [f"WRONG  {case}" for case in self.cases if case.is_wrong]
        cases += [f"LOST   {case}" for case in self.cases if case.is_lost]
        return [*cases, *(f"WRONG  a mail went to {address}, who ordered nothing" for address in self.strays)]

    def last_line(self) -> str:
        """The result in numbers."""
        states = [case.state for case in self.cases]
        counts = {
            "placed": sum(bool(case.order) for case in self.cases),
            **{end: states.count(end) for end in ENDS},
            "mailed": sum(case.mails for case in self.cases),
            "wrong": self.wrong,
            "lost": self.lost,
        }
        return "demo: " + " ".join(f"{name}={count}" for name, count in counts.items())
