"""Refunds and late money in the daily report: each counted once, and the parts make the whole."""

from datetime import datetime

import pytest

from billing.models import Payment, Refund
from billing.states import RefundStatus, Status
from commerce.models import DailyReport, Order, OrderStatus
from commerce.models.report_numbers import Numbers, Returned, Taken
from commerce.reports import csv_files
from commerce.reports import service as reports
from tests.reporting import DAY, HOUR, MORNING, money_comes, order

pytestmark = pytest.mark.sqlite_is_enough


def went_back(about: Order, minor: int, at: datetime, status: str = RefundStatus.SUCCEEDED) -> Refund:
    """A refund of the order's money that came to its end then."""
    payment = Payment.objects.get(reference=about.public_id)
    if status == RefundStatus.SUCCEEDED:
        Payment.objects.filter(pk=payment.pk).update(refunds_minor=payment.refunds_minor + minor)
    return Refund.objects.create(payment=payment, amount_minor=minor, status=status, wanted_by="olga", ended_at=at)


def numbers_of_the_day() -> Numbers:
    """Built, and read back from the database."""
    reports.build(DAY)
    return DailyReport.objects.get(day=DAY).figures


def test_refunds_count_on_the_day_they_went_through() -> None:
    """Of orders and of other money; a refund that failed is none, and no revenue changes."""
    bought, before = order(), order(at=MORNING - 48 * HOUR)
    went_back(bought, 100, MORNING + 2 * HOUR)
    went_back(bought, 50, MORNING + 3 * HOUR)
    went_back(before, 450, MORNING + HOUR)
    went_back(bought, 300, MORNING + 48 * HOUR)
    went_back(bought, 10, MORNING + HOUR, RefundStatus.FAILED)
    late = order(OrderStatus.EXPIRED, at=MORNING - 48 * HOUR)
    money_comes(late, MORNING)
    went_back(late, 450, MORNING + HOUR)

    numbers = numbers_of_the_day()

    assert numbers.refunds == (Returned("EUR", 4, 1050),)
    assert numbers.refunds_of_orders == (Returned("EUR", 3, 600),)
    assert numbers.refunds_of_other_money == (Returned("EUR", 1, 450),)
    assert numbers.revenue == (Taken("EUR", 1, 450),)


def test_late_money_is_taken_or_waits_or_goes_back() -> None:
    """Each order is in one of the three."""
    order(at=MORNING - 24 * HOUR, ended_at=MORNING, source=Status.EXPIRED)
    waiting, returned = (order(OrderStatus.EXPIRED, at=MORNING - 48 * HOUR) for _ in range(2))
    money_comes(waiting, MORNING)
    money_comes(returned, MORNING)
    went_back(returned, 450, MORNING + 30 * HOUR)

    numbers = numbers_of_the_day()

    one = (Taken("EUR", 1, 450),)
    assert (numbers.late_taken, numbers.late_waiting, numbers.late_returned, numbers.late) == (one, one, one, 3)


def test_an_order_that_was_refunded_stays_in_the_revenue_of_its_day() -> None:
    """Building the report again changes no revenue: what went back is a number of its own."""
    bought = order()
    before = numbers_of_the_day()
    went_back(bought, 450, MORNING + 2 * HOUR)
    Order.objects.update(status=OrderStatus.REFUNDED, refunded_at=MORNING + 2 * HOUR, refunded_minor=450)

    again = reports.rebuild(DAY).figures

    assert (again.revenue, again.placed_paid, again.median_s) == (before.revenue, 1, before.median_s)
    assert again.refunds == (Returned("EUR", 1, 450),)


def test_money_in_another_currency_goes_back_in_it() -> None:
    """What came instead of what was asked for is counted as it came."""
    failed = order(OrderStatus.CANCELED)
    Payment.objects.update(received_minor=500, received_currency="USD")
    went_back(failed, 500, MORNING + HOUR)

    assert numbers_of_the_day().refunds_of_other_money == (Returned("USD", 1, 500),)


def test_the_sheet_has_them_too() -> None:
    """Of one day, line by line, and of many days, in a column."""
    went_back(order(), 150, MORNING + HOUR)
    numbers_of_the_day()
    report = DailyReport.objects.get()

    assert "refunds of orders,,1,1.50,EUR" in csv_files.of_day(report)
    header, line = (row.split(",") for row in csv_files.of_days([report]).splitlines())
    assert dict(zip(header, line, strict=True))["refunds"] == "1"


def test_a_report_of_before_there_were_refunds_can_be_read() -> None:
    """It has none of these numbers."""
    order()
    kept = numbers_of_the_day().to_json()
    for name in ("late_returned", "refunds", "refunds_of_orders", "refunds_of_other_money"):
        del kept[name]

    assert Numbers.from_json(kept).refunds == ()
