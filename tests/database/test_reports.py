"""Daily reports: numbers that add up, one row for each day that is over."""

from datetime import UTC, date, datetime, timedelta
from io import StringIO

import dramatiq
import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from billing.states import Status
from commerce.errors import CannotReport
from commerce.models import DailyReport, Order, OrderStatus
from commerce.models.report_numbers import Numbers, Taken
from commerce.reports import service as reports
from config import formats
from config.due.queue import database_now
from config.formats import span
from tests.reporting import DAY, HOUR, MINUTE, MORNING, money_comes, noon, order, product, yesterday
from tests.shop import Shop
from tests.threads import at_once

PAID, CANCELED, EXPIRED, OPEN = (
    OrderStatus.PAID,
    OrderStatus.CANCELED,
    OrderStatus.EXPIRED,
    OrderStatus.AWAITING_PAYMENT,
)


def numbers_of(day: date) -> Numbers:
    """Built, and read back from the database."""
    reports.build(day)
    return DailyReport.objects.get(day=day).figures


def fresh(report: DailyReport) -> DailyReport:
    """As it stands in the database now."""
    return DailyReport.objects.get(pk=report.pk)


def run(actor: str, *arguments: str) -> None:
    """The actor, as a worker would call it."""
    dramatiq.get_broker().get_actor(actor).fn(*arguments)


# --- a day with everything in it -------------------------------------------------------------------------------------


@pytest.fixture
def scripted_day() -> None:
    """Every kind of order, and neighbours on both sides that must not be counted."""
    beans, tea = product("Beans", "EUR", 1000), product("Tea", "RUB", 30_000)
    order(of=beans, quantity=2, found_by="callback", mail="sent")
    order(of=beans, found_by="schedule", ended_at=MORNING + 30 * MINUTE, mail="given_up")
    order(of=tea, quantity=3, found_by="return", ended_at=MORNING + 20 * MINUTE, mail="queued")
    order(CANCELED)
    order(CANCELED)
    order(EXPIRED, ended_at=MORNING + HOUR)
    order(OPEN)
    # placed the day before, paid on the day, although it had expired
    order(at=MORNING - 24 * HOUR, ended_at=MORNING + HOUR, source=Status.EXPIRED, found_by="schedule", mail="sent")
    # a payment that the bank refused at first is no late money while the order waits
    order(at=MORNING + HOUR, source=Status.FAILED, found_by="operator", mail="sent")
    # given up before, and the stock is gone
    money_comes(order(EXPIRED, at=MORNING - 48 * HOUR), MORNING)
    # placed on the day, paid on the next
    order(at=MORNING + 14 * HOUR, ended_at=MORNING + 15 * HOUR)
    # neighbours
    order(at=MORNING - 24 * HOUR, mail="sent")
    order(at=MORNING + 24 * HOUR, mail="sent")


@pytest.mark.usefixtures("scripted_day")
def test_the_numbers_of_a_day_add_up() -> None:
    """Each of them, as the table in commerce/models/report_numbers.py says."""
    numbers = numbers_of(DAY)

    assert (numbers.placed_paid, numbers.placed_canceled, numbers.placed_expired, numbers.placed_open) == (5, 2, 1, 1)
    assert numbers.placed == 9
    assert numbers.conversion == pytest.approx(5 / 9)
    assert numbers.revenue == (Taken("EUR", 4, 3900), Taken("RUB", 1, 90_000))
    assert numbers.late_taken == (Taken("EUR", 1, 450),)
    assert numbers.late_waiting == (Taken("EUR", 1, 450),)
    assert numbers.found_by == {"callback": 1, "schedule": 2, "return": 1, "operator": 1}
    assert [(sold.name, sold.quantity, str(sold.money)) for sold in numbers.products] == [
        ("Beans", 3, "30.00 EUR"),
        ("Tea", 3, "900.00 RUB"),
        ("Espresso", 2, "9.00 EUR"),
    ]
    assert numbers.median_s == 20 * 60
    assert (numbers.mails_sent, numbers.mails_given_up, numbers.mails_waiting) == (3, 1, 1)
    assert [(hour.label, hour.placed, hour.paid) for hour in numbers.hours if hour.placed or hour.paid] == [
        ("09", 7, 2),
        ("10", 1, 3),
        ("23", 1, 0),
    ]


def test_revenue_is_what_the_goods_and_their_delivery_cost() -> None:
    """Delivery that was free, or is not paid for yet, is in no sum; products never have a share of it."""
    beans, tea = product("Beans", "EUR", 1000), product("Tea", "RUB", 30_000)
    order(of=beans, delivery_minor=490)
    order(of=beans, quantity=2, delivery_minor=510)
    order(of=beans)
    order(OPEN, of=beans, delivery_minor=490)
    order(of=tea, delivery_minor=25_000)

    numbers = numbers_of(DAY)

    assert numbers.revenue == (Taken("EUR", 3, 5000), Taken("RUB", 1, 55_000))
    assert numbers.delivery == (Taken("EUR", 2, 1000), Taken("RUB", 1, 25_000))
    goods = {taken.currency: taken.minor for taken in numbers.revenue}
    goods = {taken.currency: goods[taken.currency] - taken.minor for taken in numbers.delivery}
    assert goods == {sold.currency: sold.minor for sold in numbers.products}


@pytest.mark.usefixtures("scripted_day")
def test_revenue_is_the_sum_over_the_orders_that_were_paid() -> None:
    """Over all days together nothing is missing and nothing is counted twice."""
    found = [numbers_of(day) for day in span(DAY - 2 * formats.DAY, DAY + formats.DAY)]

    totals = sum(taken.minor for numbers in found for taken in numbers.revenue)
    assert totals == sum(Order.objects.filter(status=PAID).values_list("total_minor", flat=True))
    assert sum(numbers.placed for numbers in found) == Order.objects.count()
    assert sum(numbers.late for numbers in found) == 2


@pytest.mark.parametrize(("minutes", "median"), [([5], 5), ([9, 1], 5), ([1, 2, 60], 2), ([1, 2, 4, 60], 3)])
def test_the_median_is_the_middle(minutes: list[int], median: int) -> None:
    """Or the mean of the two in the middle."""
    for number in minutes:
        order(ended_at=MORNING + number * MINUTE)

    assert numbers_of(DAY).median_s == median * 60


def test_counting_takes_as_many_queries_for_many_orders_as_for_one() -> None:
    """The database counts."""
    order()
    with CaptureQueriesContext(
        connection,
    ) as one:
        reports.build(DAY)
    for _ in range(20):
        order(found_by="return")
        order(CANCELED)
    with CaptureQueriesContext(connection) as many:
        reports.rebuild(DAY)

    assert len(many) <= len(one) + 1 <= 30


def test_an_order_that_really_went_through_the_shop_is_counted(shop: Shop) -> None:
    """By the code that places, asks and settles, today; so the day is moved, not the clock."""
    _, payment = shop.order()
    shop.buyer(payment, "pay")
    shop.sweep_now(payment)
    _, late = shop.order()
    shop.let_time_pass(4000)
    shop.sweep_now(late)
    Order.objects.update(placed_at=Now() - formats.DAY, ended_at=Now() - formats.DAY)

    numbers = numbers_of(yesterday())

    assert (numbers.placed, numbers.paid, numbers.placed_expired) == (2, 1, 1)
    assert numbers.found_by == {"operator": 1}


# --- which days ------------------------------------------------------------------------------------------------------


def test_every_missing_day_is_built() -> None:
    """From the first order to yesterday, days without orders and gaps included, oldest first, and nothing twice."""
    order(at=noon(yesterday() - 5 * formats.DAY))
    reports.build(yesterday() - 3 * formats.DAY)

    assert reports.build_missing(database_now()) == 5
    assert reports.build_missing(database_now()) == 0

    built = DailyReport.objects.order_by("day").values_list("day", flat=True)
    assert list(built) == span(yesterday() - 5 * formats.DAY, yesterday())


def test_many_missing_days_are_built_in_batches() -> None:
    """The oldest first."""
    order(at=noon(yesterday() - 9 * formats.DAY))

    assert [reports.build_missing(database_now(), limit=4) for _ in range(4)] == [4, 4, 2, 0]


def test_nothing_missing_costs_two_queries() -> None:
    """The sweep comes by every five minutes."""
    order(at=noon(yesterday()))
    now = database_now()
    reports.build_missing(now)

    with CaptureQueriesContext(connection) as queries:
        reports.build_missing(now)

    assert len(queries) == 2


def test_a_shop_without_orders_has_no_reports() -> None:
    """And nothing fails."""
    run("generate_daily_report")
    run("build_missing_reports")

    assert not DailyReport.objects.exists()
    with pytest.raises(CannotReport, match="There is no order yet"):
        reports.build(yesterday())


@pytest.mark.parametrize("ahead", [0, 1, 400])
def test_a_day_that_is_not_over_has_no_report(ahead: int) -> None:
    """Today included; the message about it is dropped with a word in the log, not tried again."""
    order(at=noon(yesterday()))
    day = yesterday() + (1 + ahead) * formats.DAY

    with pytest.raises(CannotReport, match="is not over yet in UTC"):
        reports.build(day)
    run("generate_daily_report", day.isoformat())
    assert not DailyReport.objects.exists()


@pytest.mark.parametrize("day", ["yesterday", "", "2026-02-30", "9999-12-31", "0001-01-01", "1" * 5000])
def test_a_message_about_no_day_changes_nothing(day: str) -> None:
    """Anybody may have written it."""
    order(at=noon(yesterday()))

    run("generate_daily_report", day)

    assert not DailyReport.objects.exists()


def test_a_message_may_name_the_day() -> None:
    """Then only that one is built."""
    order(at=noon(yesterday() - 3 * formats.DAY))

    run("generate_daily_report", (yesterday() - formats.DAY).isoformat())

    assert [report.day for report in DailyReport.objects.all()] == [yesterday() - formats.DAY]


def test_two_builders_at_once_give_one_row() -> None:
    """The second one gets the row of the first."""
    order()

    built = at_once(*[lambda: reports.build(DAY).pk] * 4)

    assert len(set(built)) == DailyReport.objects.count() == 1


def test_a_report_stays_as_it_was_until_it_is_built_again() -> None:
    """Then it knows what has come since."""
    waiting = order(OPEN)
    built = reports.build(DAY)
    DailyReport.objects.update(built_at=Now() - formats.DAY)
    waiting.delete()
    order()
    assert numbers_of(DAY).placed_open == 1

    reports.rebuild(DAY)

    report = fresh(built)
    assert (report.figures.placed_open, report.figures.paid) == (0, 1)
    assert database_now() - report.built_at < timedelta(minutes=1)


# --- clocks that change ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("zone", "day", "first", "hours"),
    [
        ("Europe/Moscow", date(2026, 3, 29), datetime(2026, 3, 28, 21, 0, tzinfo=UTC), 24),
        ("America/New_York", date(2026, 3, 8), datetime(2026, 3, 8, 5, 0, tzinfo=UTC), 23),
        ("America/New_York", date(2025, 11, 2), datetime(2025, 11, 2, 4, 0, tzinfo=UTC), 25),
        ("Asia/Kolkata", date(2026, 3, 29), datetime(2026, 3, 28, 18, 30, tzinfo=UTC), 24),
    ],
)
def test_an_order_counts_on_the_shops_day(
    settings: Settings, zone: str, day: date, first: datetime, hours: int
) -> None:
    """Its first and last second belong to it, and those around it do not; each hour has its own place."""
    settings.TIME_ZONE = zone
    last = first + hours * HOUR - timedelta(seconds=1)
    for moment in (first, last, first - timedelta(seconds=1), last + timedelta(seconds=1)):
        order(at=moment, ended_at=moment)
    order(at=first + 90 * MINUTE, ended_at=first + 90 * MINUTE)

    numbers = numbers_of(day)

    assert (numbers.placed, numbers.paid) == (3, 3)
    assert [number for number, hour in enumerate(numbers.hours) if hour.placed] == [0, 1, hours - 1]
    assert numbers_of(day - formats.DAY).placed == numbers_of(day + formats.DAY).placed == 1


# --- by hand ---------------------------------------------------------------------------------------------------------


def command(*arguments: str) -> str:
    """`manage.py report …`: what it printed."""
    printed = StringIO()
    call_command("report", *arguments, stdout=printed)
    return printed.getvalue()


def test_the_command_builds_what_is_missing() -> None:
    """And says so, a line for each day; then there is nothing left to do."""
    order(at=noon(yesterday() - formats.DAY))

    assert command() == f"{yesterday() - formats.DAY}  placed 1  paid 1\n{yesterday()}  placed 0  paid 0\n"
    assert command() == "Every closed day has its report.\n"


def test_the_command_rebuilds_many_days_with_a_bar() -> None:
    """On a terminal one line moves."""

    class Terminal(StringIO):
        def isatty(self) -> bool:
            return True

    order(at=noon(yesterday() - 3 * formats.DAY))
    reports.build_missing(database_now())
    order(at=noon(yesterday()))
    terminal = Terminal()

    call_command("report", "--from", str(yesterday() - formats.DAY), "--rebuild", stdout=terminal)

    shown = terminal.getvalue()
    assert shown.count("\r") == 2
    assert shown.count("\n") == 1
    assert f"[{'#' * 30}] 2/2  {yesterday()}  placed 1" in shown


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--day", "2999-01-01"], "2999-01-01 is not over yet in UTC; the last day with a report is"),
        (["--day", "1999-01-01"], "1999-01-01 is before the shop's first order"),
        (["--from", "2026-03-03", "--to", "2026-03-02"], "--from 2026-03-03 is after --to 2026-03-02"),
        (["--to", "2026-03-02"], "Write --from too"),
        (["--day", "2026-03-02", "--to", "2026-03-03"], "Write either --day or --from and --to"),
        (["--mail"], "REPORT_RECIPIENTS is empty"),
    ],
)
def test_the_command_says_what_is_wrong(arguments: list[str], sentence: str) -> None:
    """In a sentence, with exit status 2."""
    order()

    with pytest.raises(CommandError, match=sentence.replace("(", r"\(")) as refused:
        command(*arguments)
    assert refused.value.returncode == 2
    assert not DailyReport.objects.exists()
