"""Reports as CSV, for spreadsheets.

A cell that a spreadsheet would run as a formula gets an apostrophe in front: product names are untrusted text.
"""

import csv
from collections.abc import Iterable, Iterator, Sequence
from io import StringIO

from commerce.models import DailyReport
from commerce.models.report_numbers import Numbers, Returned, Taken

Cell = str | int | float | None

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")
COLUMNS = ("day", "placed", "paid of these", "cancelled", "expired", "still open", "conversion", "orders paid")
SUMS = ("revenue", "delivery in it")
MORE = ("late orders taken", "late orders waiting", "late orders given back", "refunds",
        "median seconds to confirm", "mails sent", "mails given up", "mails waiting")  # fmt: skip


def of_day(report: DailyReport) -> str:
    """One day: a row for each number, so that products and outcomes fit too."""
    numbers = report.figures
    return _csv(
        [
            ("what", "which", "number", "amount", "currency"),
            *((name, None, value, None, None) for name, value in zip(COLUMNS, _head(report, numbers), strict=True)),
            *((name, None, value, None, None) for name, value in zip(MORE, _tail(numbers), strict=True)),
            *_money("revenue", numbers.revenue),
            *_money("delivery in it", numbers.delivery),
            *_money("late taken", numbers.late_taken),
            *_money("late waiting", numbers.late_waiting),
            *_money("late given back", numbers.late_returned),
            *_money("refunds of orders", numbers.refunds_of_orders),
            *_money("refunds of other money", numbers.refunds_of_other_money),
            *(("found by", who, number, None, None) for who, number in sorted(numbers.found_by.items())),
            *(("product", sold.name, sold.quantity, sold.money.value, sold.currency) for sold in numbers.products),
            *(("placed in hour", hour.label, hour.placed, None, None) for hour in numbers.hours),
            *(("paid in hour", hour.label, hour.paid, None, None) for hour in numbers.hours),
        ]
    )


def of_days(reports: Iterable[DailyReport]) -> str:
    """One row for each day; columns of revenue, and of the delivery in it, for each currency that occurs."""
    rows = [(report, report.figures) for report in reports]
    currencies = sorted({taken.currency for _, numbers in rows for taken in numbers.revenue})
    header = (*COLUMNS, *(f"{noun} {currency}" for noun in SUMS for currency in currencies), *MORE)
    return _csv([header, *((*_head(*row), *_sums(row[1], currencies), *_tail(row[1])) for row in rows)])


def _head(report: DailyReport, numbers: Numbers) -> tuple[Cell, ...]:
    share = None if numbers.conversion is None else round(numbers.conversion, 4)
    placed = (numbers.placed, numbers.placed_paid, numbers.placed_canceled, numbers.placed_expired, numbers.placed_open)
    return (report.day.isoformat(), *placed, share, numbers.paid)


def _sums(numbers: Numbers, currencies: Sequence[str]) -> tuple[Cell, ...]:
    sums = [{taken.currency: taken.money.value for taken in part} for part in (numbers.revenue, numbers.delivery)]
    return tuple(found.get(currency, 0) for found in sums for currency in currencies)


def _tail(numbers: Numbers) -> tuple[Cell, ...]:
    parts = (numbers.late_taken, numbers.late_waiting, numbers.late_returned)
    late = tuple(sum(taken.orders for taken in part) for part in parts)
    refunds = sum(each.refunds for each in numbers.refunds)
    return (*late, refunds, numbers.median_s, numbers.mails_sent, numbers.mails_given_up, numbers.mails_waiting)


def _money(what: str, sums: Iterable[Taken | Returned]) -> Iterator[tuple[Cell, ...]]:
    for each in sums:
        number = each.orders if isinstance(each, Taken) else each.refunds
        yield what, None, number, each.money.value, each.currency


def _csv(rows: Iterable[Sequence[Cell]]) -> str:
    file = StringIO()
    csv.writer(file).writerows([_escaped(cell) for cell in row] for row in rows)
    return file.getvalue()


def _escaped(cell: Cell) -> Cell:
    """Leading blanks are ignored: some spreadsheets skip them."""
    return f"'{cell}" if isinstance(cell, str) and cell.lstrip(" ").startswith(FORMULA_STARTS) else cell
