"""Counting: what customers caused, compared with what became of it. Nothing in here touches the world."""

from collections.abc import Sequence
from dataclasses import dataclass

PAID, CANCELED, EXPIRED = "paid", "canceled", "expired"

ENDS = (PAID, CANCELED, EXPIRED)
"""The shop's words for an order that has come to its end."""


@dataclass(frozen=True)
class Plan:
    """What a customer does on the provider's page, and what must come of it."""

    text: str
    button: str | None
    returns: bool
    end: str
    """The shop's word for the order in the end."""
    books: tuple[str, ...]
    """The provider's words for the payment in the end, any of them."""

    @property
    def mails(self) -> int:
        """How many confirmations there must be."""
        return int(self.end == PAID)


PAYS = Plan("pays", "pay", True, PAID, ("succeeded",))
PAYS_AND_LEAVES = Plan("pays and closes the tab", "pay", False, PAID, ("succeeded",))
CANCELS = Plan("cancels", "cancel", True, CANCELED, ("canceled",))
CANCELS_AND_LEAVES = Plan("cancels and closes the tab", "cancel", False, CANCELED, ("canceled",))
WALKS_AWAY = Plan("never pays", None, False, EXPIRED, ("canceled", "expired"))  # cancelled by the shop, in its time


@dataclass(frozen=True)
class Case:
    """One customer: the plan, and what was seen of the order from outside."""

    customer: int
    plan: Plan
    order: str = ""
    """The order's public id; empty if it was never placed."""
    books: tuple[str, ...] = ()
    """The status of each payment that the provider has for the order."""
    state: str = ""
    """The shop's word for the order."""
    mails: int = 0
    trouble: str = ""
    """What kept the customer from carrying out the plan."""

    @property
    def has_ended(self) -> bool:
        """Whatever the end is."""
        return self.state in ENDS

    @property
    def is_right(self) -> bool:
        """The shop and the provider agree with the plan; mails do not count here. Paid twice is not right."""
        return self.state == self.plan.end and len(self.books) == 1 and self.books[0] in self.plan.books

    @property
    def is_wrong(self) -> bool:
        """Another end than the customer caused; or the right one, with a mail too many."""
        return self.has_ended and (not self.is_right or self.mails > self.plan.mails)

    @property
    def is_lost(self) -> bool:
        """No end in time, or no order at all; or the right end, with a mail missing."""
        return not self.has_ended or (self.is_right and self.mails < self.plan.mails)

    def __str__(self) -> str:
        return (
            f"customer {self.customer} {self.plan.text}; order {self.order or 'never placed'}; "
            f"provider: {', '.join(self.books) or 'no payment'}; shop: {self.state or 'no answer'}, "
            f"should be {self.plan.end}; mails: {self.mails}, should be {self.plan.mails}"
        ) + (f"; trouble: {self.trouble}" if self.trouble else "")


@dataclass(frozen=True)
class Verdict:
    """All of them."""

    cases: Sequence[Case]
    strays: Sequence[str] = ()
    """Who got mail without having ordered anything; each is a wrong."""

    @property
    def wrong(self) -> int:
        """How many orders came to an end that they should not have, and mails to those they do not concern."""
        return sum(case.is_wrong for case in self.cases) + len(self.strays)

    @property
    def lost(self) -> int:
        """How many orders, or mails of rightly paid orders, were not there in time."""
        return sum(case.is_lost for case in self.cases)

    @property
    def is_fine(self) -> bool:
        """Did all come to what was caused?"""
        return not self.wrong and not self.lost

    def complaints(self) -> list[str]:
        """One sentence for everything that is not as it should be."""
        cases = [f"WRONG  {case}" for case in self.cases if case.is_wrong]
        cases += [f"LOST   {case}" for case in self.cases if case.is_lost]
        return [*cases, *(f"WRONG  a mail went to {address}, who ordered nothing" for address in self.strays)]

    def last_line(self) -> str:
        """The whole result in numbers."""
        states = [case.state for case in self.cases]
        counts = {
            "placed": sum(bool(case.order) for case in self.cases),
            **{end: states.count(end) for end in ENDS},
            "mailed": sum(case.mails for case in self.cases),
            "wrong": self.wrong,
            "lost": self.lost,
        }
        return "demo: " + " ".join(f"{name}={count}" for name, count in counts.items())
