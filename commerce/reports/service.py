"""Builds daily reports: one row for each closed day, counted by a constant number of queries.

`commerce.models.report_numbers` says what each number means.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Count, Exists, F, Max, Min, OuterRef, Q, QuerySet, Sum, Value
from django.db.models.functions import Coalesce, NullIf, TruncMinute

from billing.models import Payment, PaymentEvent, Refund
from billing.states import RefundStatus, Status
from commerce.errors import CannotReport
from commerce.mail.queue import queue_report
from commerce.models import DailyReport, Notification, Order, OrderLine, OrderStatus
from commerce.models.order import WAS_PAID
from commerce.models.report_numbers import Hour, Numbers, Returned, Sold, Taken
from commerce.reports import days
from commerce.reports.page import write_mail
from config.due.queue import database_now
from config.formats import span

log = logging.getLogger(__name__)

BATCH = 50
"""Days that one run builds; the next run continues."""

TOP_PRODUCTS = 10

MAILED_WITHIN = timedelta(days=3)
"""A report of a day that ended longer ago is not mailed automatically."""


def build(day: date) -> DailyReport:
    """The report of a closed day, built if it is missing. Raises CannotReport for any other day."""
    check_day(day, database_now())
    return DailyReport.objects.filter(day=day).first() or _write(day, _count(day))


def rebuild(day: date) -> DailyReport:
    """Count the day again and store the new numbers; its mails stay. Raises CannotReport like `build`."""
    check_day(day, database_now())
    numbers = _count(day)
    if DailyReport.objects.filter(day=day).update(numbers=numbers.to_json(), built_at=database_now()):
        log.info("report.rebuilt", extra={"day": day.isoformat()})
        return DailyReport.objects.get(day=day)
    return _write(day, numbers)


def build_missing(now: datetime, limit: int = BATCH) -> int:
    """Build up to `limit` missing reports, oldest first, each in its own transaction; returns how many.

    A day that cannot be counted does not block the others, and is retried by the next run.
    """
    built = 0
    for day in missing_days(now):
        try:
            build(day)
            built += 1
        except Exception:
            log.exception("report.failed", extra={"day": day.isoformat()})
        if built == limit:
            break
    return built


def missing_days(now: datetime) -> list[date]:
    """Every closed day since the first order that has no report, oldest first."""
    closed = closed_days(now)
    if not closed:
        return []
    existing = set(DailyReport.objects.filter(day__range=(closed[0], closed[-1])).values_list("day", flat=True))
    return [day for day in closed if day not in existing]


def closed_days(now: datetime) -> list[date]:
    """Every day that can have a report, oldest first."""
    first = _first_day()
    return span(first, days.last_closed(now)) if first else []


def check_day(day: date, now: datetime) -> None:
    """Raises CannotReport unless the day is over and not before the first order."""
    first, last = _first_day(), days.last_closed(now)
    if day > last:
        raise CannotReport(f"{day} is not over yet in {settings.TIME_ZONE}; the last day with a report is {last}.")
    if first is None:
        raise CannotReport("There is no order yet, so there is no day to report on.")
    if day < first:
        raise CannotReport(f"{day} is before the shop's first order, which was placed on {first}.")


def _first_day() -> date | None:
    first: datetime | None = Order.objects.aggregate(first=Min("placed_at"))["first"]
    return days.day_of(first) if first else None


def _write(day: date, numbers: Numbers) -> DailyReport:
    """Write the report and its mails. The day is unique: of two concurrent builders the second gets the first's row."""
    now = database_now()
    with transaction.atomic():
        facts = {"numbers": numbers.to_json(), "built_at": now}
        report, created = DailyReport.objects.get_or_create(day=day, defaults=facts)
        if created and now - days.bounds(day)[1] < MAILED_WITHIN:
            queue_report(report, write_mail)
    if created:
        log.info("report.built", extra={"day": day.isoformat(), "placed": numbers.placed, "paid": numbers.paid})
    return report


# --- counting --------------------------------------------------------------------------------------------------------


def _count(day: date) -> Numbers:
    start, end = days.bounds(day)
    placed = Order.objects.filter(placed_at__gte=start, placed_at__lt=end)
    paid = Order.objects.filter(status__in=WAS_PAID, ended_at__gte=start, ended_at__lt=end)
    refunds = Refund.objects.filter(status=RefundStatus.SUCCEEDED, ended_at__gte=start, ended_at__lt=end)
    with _snapshot():
        outcome = _count_by(placed, "status")
        about_orders = Notification.objects.filter(order__isnull=False)
        mails = _count_by(about_orders.filter(queued_at__gte=start, queued_at__lt=end), "status")
        return Numbers(
            hours=_hours(day, placed, paid),
            placed_paid=sum(outcome.pop(status, 0) for status in WAS_PAID),
            placed_canceled=outcome.pop(OrderStatus.CANCELED, 0),
            placed_expired=outcome.pop(OrderStatus.EXPIRED, 0),
            placed_open=sum(outcome.values()),
            revenue=_taken(paid),
            delivery=_taken(paid.filter(delivery_price_minor__gt=0), "delivery_price_minor"),
            late_taken=_taken(paid.filter(_came_late())),
            late_waiting=_taken(_with_late_payment(start, end, refunds_minor=0)),
            late_returned=_taken(_with_late_payment(start, end, refunds_minor__gt=0)),
            refunds=_returned(refunds),
            refunds_of_orders=_returned(refunds.filter(_of_an_order())),
            refunds_of_other_money=_returned(refunds.filter(~_of_an_order())),
            products=_products(paid),
            found_by={who or "schedule": number for who, number in _count_by(paid, "paid_with__found_by").items()},
            median_s=_median_s(paid),
            mails_sent=mails.pop(Notification.Status.SENT, 0),
            mails_given_up=mails.pop(Notification.Status.GIVEN_UP, 0),
            mails_waiting=sum(mails.values()),
        )


@contextmanager
def _snapshot() -> Iterator[None]:
    """All queries see one snapshot, or numbers that change meanwhile would not add up. SQLite always gives one."""
    own = not connection.in_atomic_block
    with transaction.atomic():
        if own and connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield


def _count_by(rows: QuerySet[Any], column: str) -> dict[str, int]:
    """The number of rows for each value."""
    return dict(rows.order_by().values_list(column).annotate(Count("pk")))


def _hours(day: date, placed: QuerySet[Order], paid: QuerySet[Order]) -> tuple[Hour, ...]:
    """Counted from the start of the day, because an hour that the clocks repeat has the same label twice."""
    start, labels = days.bounds(day)[0], days.hour_labels(day)
    columns = [_per_hour(placed, "placed_at", start, len(labels)), _per_hour(paid, "ended_at", start, len(labels))]
    return tuple(Hour(*row) for row in zip(labels, *columns, strict=True))


def _per_hour(orders: QuerySet[Order], column: str, start: datetime, hours: int) -> list[int]:
    """Counted by minute: in some time zones an hour begins at :30 or :45 UTC."""
    per_hour = [0] * hours
    minutes = orders.order_by().annotate(minute=TruncMinute(column, tzinfo=UTC))
    for minute, number in minutes.values_list("minute").annotate(Count("pk")):
        per_hour[(minute - start) // days.HOUR] += number
    return per_hour


def _taken(orders: QuerySet[Order], column: str = "total_minor") -> tuple[Taken, ...]:
    sums = orders.order_by("currency").values_list("currency").annotate(Count("pk"), Sum(column))
    return tuple(Taken(*row) for row in sums)


def _came_late() -> Exists:
    """The payment had ended unpaid before, and the order with it. After a payment that *failed* the order waits until
    its deadline.
    """
    over = Q(source__in=[Status.CANCELED, Status.EXPIRED]) | Q(source=Status.FAILED, at__gt=OuterRef("pay_before"))
    events = PaymentEvent.objects.filter(over, refund=None, payment=OuterRef("paid_with"), target=Status.SUCCEEDED)
    return Exists(events)


def _with_late_payment(start: datetime, end: datetime, **refunds: int) -> QuerySet[Order]:
    """Orders that ended unpaid, but have a late payment. A person may have cleared the note, so this reads the payment.

    `refunds` selects the payments that wait, or those that are refunded.
    """
    money = Payment.objects.filter(
        reference=OuterRef("public_id"), status=Status.SUCCEEDED, ended_at__gte=start, ended_at__lt=end, **refunds
    )
    return Order.objects.filter(Exists(money), status__in=[OrderStatus.CANCELED, OrderStatus.EXPIRED])


def _of_an_order() -> Exists:
    """Refunds of the payment that an order is, or was, paid with."""
    return Exists(Order.objects.filter(paid_with=OuterRef("payment")))


def _returned(refunds: QuerySet[Refund]) -> tuple[Returned, ...]:
    came = Coalesce(NullIf("payment__received_currency", Value("")), "payment__currency")
    rows = refunds.annotate(came=came).order_by("came").values_list("came")
    return tuple(Returned(*row) for row in rows.annotate(Count("pk"), Sum("amount_minor")))


def _products(paid: QuerySet[Order]) -> tuple[Sold, ...]:
    lines = OrderLine.objects.filter(order__in=paid.order_by().values("pk")).order_by()
    sold = lines.values("product_id", "currency").annotate(
        label=Max("name"),
        label_ru=Max("name_ru"),
        pieces=Sum("quantity"),
        minor=Sum(F("price_minor") * F("quantity")),
    )
    best = sold.order_by("-pieces", "label", "currency")[:TOP_PRODUCTS]
    return tuple(Sold(row["label"], row["pieces"], row["currency"], row["minor"], row["label_ru"]) for row in best)


def _median_s(paid: QuerySet[Order]) -> float | None:
    """The middle value, or the mean of the middle two: read by offset, which every database supports."""
    number = paid.count()
    took = paid.annotate(took=F("ended_at") - F("paid_with__created_at"))
    sorted_times = took.order_by("took").values_list("took", flat=True)
    middle = list(sorted_times[(number - 1) // 2 : number // 2 + 1]) if number else []
    return sum(time.total_seconds() for time in middle) / len(middle) if middle else None
