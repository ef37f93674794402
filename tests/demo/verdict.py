"""Compares the customers' plans with the results. Pure functions, without any I/O."""

from collections.abc import Sequence
from dataclasses import dataclass

PAID, CANCELED, EXPIRED = "paid", "canceled", "expired"

ENDS = (PAID, CANCELED, EXPIRED)
"""The shop's final states of an order."""


PAID_AT_PROVIDER = "succeeded"
OPEN_AT_PROVIDER = "pending"


@dataclass(frozen=True)
class Plan:
    """What a customer does on the provider's page, and the order's state that should come of it."""

    text: str
    button: str | None
    returns: bool
    end: str


PAYS = Plan("pays", "pay", True, PAID)
PAYS_AND_LEAVES = Plan("pays and closes the tab", "pay", False, PAID)
CANCELS = Plan("cancels", "cancel", True, CANCELED)
CANCELS_AND_LEAVES = Plan("cancels and closes the tab", "cancel", False, CANCELED)
WALKS_AWAY = Plan("never pays", None, False, EXPIRED)


@dataclass(frozen=True)
class Case:
    """One customer: the plan, and the order as seen from outside."""

    customer: int
    plan: Plan
    order: str = ""
    """The order's public id; empty if it was never placed."""
    books: tuple[str, ...] | None = ()
    """The state of each payment that the provider has for the order; None: the provider did not answer."""
    state: str = ""
    """The order's state in the shop; empty if the shop did not answer."""
    mails: int = 0
    trouble: str = ""
    """Why the customer could not follow the plan."""

    @property
    def due_mails(self) -> int:
        """One confirmation for an order that is paid."""
        return int(self.state == PAID)

    @property
    def has_ended(self) -> bool:
        """True in a final state, with its mail."""
        return self.state in ENDS and self.mails >= self.due_mails

    @property
    def is_wrong(self) -> bool:
        """The shop contradicts the provider, the customer paid twice, or there is a mail too many.

        An order that has ended unpaid contradicts a payment that is open: its money may still come. Without an answer
        of the shop or the provider nothing is known, so nothing is wrong.
        """
        if self.books is None or not self.state:
            return False
        paid = self.books.count(PAID_AT_PROVIDER)
        contradicts = self.state in ENDS and ((self.state == PAID) != (paid > 0) or OPEN_AT_PROVIDER in self.books)
        return contradicts or paid > 1 or self.mails > self.due_mails

    @property
    def is_as_planned(self) -> bool:
        """It has ended as its customer wanted; where the machine is slow, the order may expire before that."""
        return self.has_ended and self.state == self.plan.end and self.books is not None

    def __str__(self) -> str:
        return (
            f"customer {self.customer} {self.plan.text}; order {self.order or 'never placed'}; "
            f"provider: {self._books_in_words()}; shop: {self.state or 'no answer'}, "
            f"planned {self.plan.end}; mails: {self.mails}, due {self.due_mails}"
        ) + (f"; trouble: {self.trouble}" if self.trouble else "")

    def _books_in_words(self) -> str:
        return "no answer" if self.books is None else ", ".join(self.books) or "no payment"


@dataclass(frozen=True)
class Verdict:
    """The result of all customers."""

    cases: Sequence[Case]
    at_rest: bool
    """Had the shop all the time that it needs? Otherwise an order without an end is not finished, and not lost."""
    strays: Sequence[str] = ()
    """Addresses that got a mail without an order; each counts as wrong."""

    @property
    def wrong(self) -> int:
        """The number of orders that contradict the provider or have a mail too many, and of mails to strangers."""
        return sum(case.is_wrong for case in self.cases) + len(self.strays)

    @property
    def lost(self) -> int:
        """The number of orders that will not end, or whose mail will not come."""
        return sum(self._is_lost(case) for case in self.cases)

    @property
    def unfinished(self) -> int:
        """The number of orders that had no time to end, or whose customers could not do what they planned."""
        return sum(self._is_unfinished(case) for case in self.cases)

    @property
    def is_fine(self) -> bool:
        """True if every order has ended as its customer planned."""
        return not self.wrong and not self.lost and not self.unfinished

    def complaints(self) -> list[str]:
        """One line for each difference."""
        cases = [f"WRONG  {case}" for case in self.cases if case.is_wrong]
        cases += [f"LOST   {case}" for case in self.cases if self._is_lost(case)]
        cases += [f"NOT FINISHED  {case}" for case in self.cases if self._is_unfinished(case)]
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
            "unfinished": self.unfinished,
        }
        return "demo: " + " ".join(f"{name}={count}" for name, count in counts.items())

    def _is_lost(self, case: Case) -> bool:
        return self.at_rest and not case.has_ended and not case.is_wrong

    def _is_unfinished(self, case: Case) -> bool:
        return not (case.is_as_planned or case.is_wrong or self._is_lost(case))
