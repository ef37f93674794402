"""The daily report, and its numbers: their meaning, and the shape in which they are stored.

A day lasts from midnight to midnight in the shop's time zone. An event counts on the day when it happened:

| number | counts | on the day when | adds up with |
| --- | --- | --- | --- |
| placed | orders, by their state now | they were placed | paid + cancelled + expired + still open |
| conversion | the paid share of the placed orders | they were placed | |
| hours | orders placed and orders paid, by hour | they were placed; they were paid | placed; revenue |
| revenue | orders and their totals, by currency | they were paid, whenever they were placed | |
| delivery | orders whose delivery was not free, and its price | they were paid | part of revenue |
| found by | which check brought "paid" | they were paid | the orders in revenue; shares sum to 1 |
| time to confirm | the median from the payment's start to "paid" | they were paid | |
| products | products in those orders, the most sold first | they were paid | |
| late, taken | orders paid after they had ended unpaid | they were paid | part of revenue |
| late, waiting | orders that ended unpaid; the late payment waits for a person | the money came | not in revenue |
| late, given back | orders that ended unpaid; the late payment is refunded | the money came | not in revenue |
| refunds | refunds and their amounts, by currency | they went through | those of orders + those of other money |
| mails | mails to customers, by their state now | they were written | sent + given up + waiting |

"Now" is when the report was built; the report shows that time. An order placed shortly before midnight is usually still
open then; rebuilding the report brings it up to date. Amounts are whole minor units.

Late payments are taken + waiting + given back. Revenue is the money that came on the day; a refund does not change it.
Refunds "of orders" return money that was revenue once. "Other money" never was: late, paid twice, or a wrong amount.
"""

from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from django.db import models
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from billing.money import Money
from commerce.models.catalogue import for_reader


class Amount:
    """A sum in one currency."""

    currency: str
    minor: int

    @property
    def money(self) -> Money:
        return Money(self.minor, self.currency)


@dataclass(frozen=True)
class Taken(Amount):
    """The number of orders in one currency, and the sum of their totals (or of their delivery prices)."""

    currency: str
    orders: int
    minor: int


@dataclass(frozen=True)
class Returned(Amount):
    """The number of refunds in one currency, and their sum."""

    currency: str
    refunds: int
    minor: int


@dataclass(frozen=True)
class Sold(Amount):
    """The quantity of one product sold in one currency, under the names it had, and the sum of its prices."""

    name: str
    quantity: int
    currency: str
    minor: int
    name_ru: str = ""
    """Empty also in reports from before both names were stored."""

    @property
    def title(self) -> str:
        """The name, in the reader's language."""
        return for_reader(self.name, self.name_ru)


@dataclass(frozen=True)
class Hour:
    """One hour, labelled as on the shop's clock: a day has 23, 24 or 25 of them."""

    label: str
    placed: int
    paid: int


ROWS = {
    "hours": Hour,
    "products": Sold,
    **dict.fromkeys(("revenue", "delivery", "late_taken", "late_waiting", "late_returned"), Taken),
    **dict.fromkeys(("refunds", "refunds_of_orders", "refunds_of_other_money"), Returned),
}
"""The numbers that have several rows."""


@dataclass(frozen=True)
class Numbers:
    """The numbers of one day. Raises ValueError if they do not add up: such a report must not be stored."""

    hours: tuple[Hour, ...]
    placed_paid: int
    placed_canceled: int
    placed_expired: int
    placed_open: int
    revenue: tuple[Taken, ...]
    delivery: tuple[Taken, ...]
    late_taken: tuple[Taken, ...]
    late_waiting: tuple[Taken, ...]
    products: tuple[Sold, ...]
    found_by: dict[str, int]
    """Orders by AskedBy; without zeros."""
    median_s: float | None
    """None: no order was paid."""
    mails_sent: int
    mails_given_up: int
    mails_waiting: int
    late_returned: tuple[Taken, ...] = ()
    refunds: tuple[Returned, ...] = ()
    refunds_of_orders: tuple[Returned, ...] = ()
    refunds_of_other_money: tuple[Returned, ...] = ()
    """Empty in reports from before refunds existed."""

    def __post_init__(self) -> None:
        returned = self.refunds_of_orders + self.refunds_of_other_money
        sums = {
            "orders placed": (self.placed, sum(hour.placed for hour in self.hours)),
            "orders paid": (self.paid, sum(hour.paid for hour in self.hours)),
            "outcomes found": (self.paid, sum(self.found_by.values())),
            "minor units of refunds": (_minor(self.refunds), _minor(returned)),
        }
        for noun, (total, parts) in sums.items():
            if total != parts:
                raise ValueError(f"the numbers do not add up: {total} {noun}, but {parts} in parts")
        revenue = {taken.currency: taken.minor for taken in self.revenue}
        for taken in self.delivery:
            if taken.minor > revenue.get(taken.currency, 0):
                raise ValueError(f"the numbers do not add up: {taken.money} for delivery is more than the revenue")

    @property
    def placed(self) -> int:
        """Orders placed that day."""
        return self.placed_paid + self.placed_canceled + self.placed_expired + self.placed_open

    @property
    def paid(self) -> int:
        """Orders paid that day, whenever they were placed."""
        return sum(taken.orders for taken in self.revenue)

    @property
    def conversion(self) -> float | None:
        """The paid share of the orders placed that day, 0 to 1; None if there were none."""
        return self.placed_paid / self.placed if self.placed else None

    @property
    def late(self) -> int:
        """Orders with a late payment."""
        return sum(taken.orders for taken in (*self.late_taken, *self.late_waiting, *self.late_returned))

    @property
    def late_waiting_orders(self) -> int:
        """Orders whose late payment waits for a person, in any currency."""
        return sum(taken.orders for taken in self.late_waiting)

    @property
    def mails(self) -> int:
        """Mails written that day."""
        return self.mails_sent + self.mails_given_up + self.mails_waiting

    def to_json(self) -> dict[str, Any]:
        """The value of the JSON column."""
        return asdict(self)

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> "Numbers":
        """Reads the JSON column. Raises TypeError for an unknown shape."""
        rows = {name: tuple(kind(**row) for row in stored.get(name, ())) for name, kind in ROWS.items()}
        return cls(**{**stored, **rows})


def _minor(refunds: tuple[Returned, ...]) -> dict[str, int]:
    """The sum in each currency."""
    sums = Counter[str]()
    for each in refunds:
        sums[each.currency] += each.minor
    return sums


class DailyReport(models.Model):
    """The numbers of one closed day. The mails about it are rows of `Notification`."""

    day = models.DateField(unique=True, help_text=_("From midnight to midnight in the shop's time zone."))
    numbers = models.JSONField(help_text=_("As commerce/models/report_numbers.py describes them."))
    built_at = models.DateTimeField(help_text=_("When they were counted, by the database's clock."))

    class Meta:
        ordering: ClassVar = ["-day"]

    def __str__(self) -> str:
        return gettext("report of %(day)s") % {"day": self.day}

    @property
    def figures(self) -> Numbers:
        """The numbers, typed."""
        return Numbers.from_json(self.numbers)
