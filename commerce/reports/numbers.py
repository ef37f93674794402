"""The numbers of a daily report: what each of them means, and the shape they are kept in.

A day goes from midnight to midnight in the shop's time zone. What has a moment counts on the day of that moment:

| number | counts | on the day when | adds up with |
| --- | --- | --- | --- |
| placed | orders, by what has become of them | they were placed | paid + cancelled + expired + still open |
| conversion | the share of the placed ones that have been paid | they were placed | |
| hours | orders placed and orders paid, by hour | they were placed; they were paid | placed; revenue |
| revenue | orders and their totals, by currency | they were paid, whenever they were placed | |
| delivery | orders whose delivery was not free, and its price | they were paid | part of revenue |
| found by | who asked the question that brought "paid" | they were paid | the orders in revenue; shares sum to 1 |
| time to confirm | the median from the payment's start to "paid" | they were paid | |
| products | what was in those orders, the most sold first | they were paid | |
| late, taken | orders paid although they had been given up | they were paid | part of revenue |
| late, waiting | orders given up for which money came: a person must look | the money came | not in revenue |
| late, given back | orders given up for which money came, which goes back or has | the money came | not in revenue |
| refunds | refunds and their amounts, by currency | they went through | those of orders + those of other money |
| mails | mails to customers, by what has become of them | they were written | sent + given up + waiting |

"Has become" means: known when the report was built, which it says. An order placed shortly before midnight is usually
still open then; building the report again brings it up to date. Amounts are whole minor units.

Late money is all of it: taken + waiting + given back. A refund changes no revenue, which is what came on its day. The
refunds "of orders" take from what was revenue once; "other money" never was any: late, on top, or not as asked for.
"""

import itertools
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from billing.money import Money

TAKEN_SUMS = ("revenue", "delivery", "late_taken", "late_waiting", "late_returned")
REFUND_SUMS = ("refunds", "refunds_of_orders", "refunds_of_other_money")


@dataclass(frozen=True)
class Taken:
    """So many orders in one currency, and a sum over them: of their totals, unless it says otherwise."""

    currency: str
    orders: int
    minor: int

    @property
    def money(self) -> Money:
        """The sum."""
        return Money(self.minor, self.currency)


@dataclass(frozen=True)
class Returned:
    """So many refunds in one currency, and their sum."""

    currency: str
    refunds: int
    minor: int

    @property
    def money(self) -> Money:
        """The sum."""
        return Money(self.minor, self.currency)


@dataclass(frozen=True)
class Sold:
    """So many of one product in one currency, under the name it had."""

    name: str
    quantity: int
    currency: str
    minor: int

    @property
    def money(self) -> Money:
        """Price times quantity, summed."""
        return Money(self.minor, self.currency)


@dataclass(frozen=True)
class Hour:
    """One hour, under its number on the shop's clock: a day has 23, 24 or 25 of them."""

    label: str
    placed: int
    paid: int


@dataclass(frozen=True)
class Numbers:
    """One day in numbers. Raises ValueError if they do not add up: such a report must not be written."""

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
    """Orders by AskedBy; only those who found something."""
    median_s: float | None
    """None: no order was paid."""
    mails_sent: int
    mails_given_up: int
    mails_waiting: int
    late_returned: tuple[Taken, ...] = ()
    refunds: tuple[Returned, ...] = ()
    refunds_of_orders: tuple[Returned, ...] = ()
    refunds_of_other_money: tuple[Returned, ...] = ()
    """Empty in reports that were built before there were refunds."""

    def __post_init__(self) -> None:
        sums = {
            "orders placed": (self.placed, sum(hour.placed for hour in self.hours)),
            "orders paid": (self.paid, sum(hour.paid for hour in self.hours)),
            "outcomes found": (self.paid, sum(self.found_by.values())),
            "minor units of refunds": (
                _minor(self.refunds),
                _minor(self.refunds_of_orders, self.refunds_of_other_money),
            ),
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
        """Orders for which money came late."""
        return sum(taken.orders for taken in (*self.late_taken, *self.late_waiting, *self.late_returned))

    @property
    def late_waiting_orders(self) -> int:
        """Orders that were given up and for which money came, in any currency."""
        return sum(taken.orders for taken in self.late_waiting)

    @property
    def mails(self) -> int:
        """Mails written that day."""
        return self.mails_sent + self.mails_given_up + self.mails_waiting

    def to_json(self) -> dict[str, Any]:
        """What the database keeps."""
        return asdict(self)

    @classmethod
    def from_json(cls, kept: dict[str, Any]) -> "Numbers":
        """Read it back. Raises TypeError for a shape that this code does not know."""
        rows = {
            "hours": tuple(Hour(**row) for row in kept["hours"]),
            "products": tuple(Sold(**row) for row in kept["products"]),
            **{name: _taken(kept.get(name, ())) for name in TAKEN_SUMS},
            **{name: _returned(kept.get(name, ())) for name in REFUND_SUMS},
        }
        return cls(**{**kept, **rows})


def _taken(rows: Iterable[dict[str, Any]]) -> tuple[Taken, ...]:
    return tuple(Taken(**row) for row in rows)


def _returned(rows: Iterable[dict[str, Any]]) -> tuple[Returned, ...]:
    return tuple(Returned(**row) for row in rows)


def _minor(*parts: tuple[Returned, ...]) -> dict[str, int]:
    """The sum in each currency."""
    sums = Counter[str]()
    for returned in itertools.chain(*parts):
        sums[returned.currency] += returned.minor
    return sums
