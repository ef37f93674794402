"""The pages of the reports: who may see them, and what they make of what others wrote."""

import csv
import re
from datetime import timedelta
from io import StringIO

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import translation
from pytest_django import Settings

from commerce.mail.content import render
from commerce.models import DailyReport, Notification, OrderStatus
from commerce.models.report_numbers import Hour, Numbers, Sold, Taken
from commerce.reports import page as report_page
from commerce.reports import service as reports
from config import formats
from tests.people import logged_in
from tests.reporting import DAY, MORNING, money_comes, order, product

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite_is_enough]

MAY_READ = "view_dailyreport"
ADDRESSES = ["/reports/", f"/reports/{DAY}/", f"/reports/{DAY}.csv", "/reports.csv"]


@pytest.fixture
def report() -> DailyReport:
    """A day with an order or two."""
    order(found_by="callback")
    order(OrderStatus.CANCELED)
    return reports.build(DAY)


@pytest.fixture
def manager(client: Client) -> Client:
    """Staff, with the permission."""
    return logged_in(client, MAY_READ)


def text(client: Client, address: str) -> str:
    """The page, which is there."""
    answer = client.get(address)
    assert answer.status_code == 200, address
    return answer.content.decode()


# --- who -------------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("report")
@pytest.mark.parametrize("address", ADDRESSES)
def test_reports_are_for_managers(client: Client, address: str) -> None:
    """Strangers are asked who they are, and staff needs the permission."""
    answer = client.get(address)
    assert (answer.status_code, answer["Location"].partition("?")[0]) == (302, "/admin/login/")

    assert logged_in(client).get(address).status_code == 403


@pytest.mark.usefixtures("report")
@pytest.mark.parametrize("address", ADDRESSES)
def test_customers_with_an_account_are_no_managers(client: Client, address: str) -> None:
    """Whatever permission they have."""
    assert logged_in(client, MAY_READ, is_staff=False).get(address).status_code == 302


@pytest.mark.usefixtures("report")
@pytest.mark.parametrize("address", ADDRESSES)
def test_managers_see_them(manager: Client, address: str) -> None:
    """For reading only, and browsers keep nothing."""
    answer = manager.get(address)

    assert answer.status_code == 200
    assert "no-store" in answer["Cache-Control"]
    assert manager.post(address).status_code == 405


WAYS_IN = ("/admin/", "/admin/console/", "/account/")


def test_managers_find_the_reports_where_they_look(client: Client) -> None:
    """On the first page of the admin, in the console and on their own page."""
    logged_in(client, MAY_READ, "console_read")

    for address in WAYS_IN:
        assert '<a href="/reports/">' in text(client, address), address


def test_no_one_else_is_led_to_them(client: Client) -> None:
    """Their pages would refuse both."""
    logged_in(client, "console_read")
    for address in WAYS_IN:
        assert "/reports/" not in text(client, address), address

    User.objects.all().delete()
    assert "/reports/" not in text(logged_in(client, MAY_READ, is_staff=False), "/account/")


@pytest.mark.parametrize(("language", "number"), [("en", "1,234,567"), ("ru", "1\u00a0234\u00a0567")])
def test_large_numbers_are_grouped_as_the_reader_does(
    manager: Client, report: DailyReport, language: str, number: str
) -> None:
    """In the list and on the page, in tables and in charts; a mail has them too."""
    many = 1_234_567
    numbers = Numbers(
        hours=(Hour("09", many, many),), placed_paid=many, placed_canceled=0, placed_expired=0, placed_open=0,
        revenue=(Taken("EUR", many, many),), delivery=(), late_taken=(), late_waiting=(),
        products=(Sold("Espresso", many, "EUR", many),), found_by={"callback": many}, median_s=60.0,
        mails_sent=many, mails_given_up=0, mails_waiting=0,
    )  # fmt: skip
    DailyReport.objects.filter(pk=report.pk).update(numbers=numbers.to_json())
    report.refresh_from_db()

    pages = [
        manager.get(address, headers={"accept-language": language}).content.decode()
        for address in ("/reports/", f"/reports/{DAY}/")
    ]
    with translation.override(language):
        mail = render(Notification.Kind.REPORT, language, report_page.page(report))

    for shown in (*pages, mail.text, mail.html):
        assert number in shown
        assert not re.search(r"\b1234567\b", shown)


@pytest.mark.parametrize("day", ["2026-03-05", "2026-02-30", "0000-00-00", "9999-12-31", "2026-3-2", "today"])
@pytest.mark.usefixtures("report")
def test_a_day_without_a_report_is_not_found(manager: Client, day: str) -> None:
    """Nor is what is no day."""
    assert manager.get(f"/reports/{day}/").status_code == 404
    assert manager.get(f"/reports/{day}.csv").status_code == 404


# --- what ------------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("report")
def test_the_page_shows_the_numbers(manager: Client) -> None:
    """In words, and in charts that say what they show."""
    page = text(manager, f"/reports/{DAY}/")

    assert "Monday, March 2, 2026" in page
    assert "€4.50" in page
    assert "50%" in page
    assert "10 min" in page
    assert 'aria-label="Outcome of the orders placed. paid: 1, cancelled: 1, expired: 0, still open: 0"' in page
    assert page.count('role="img"') == 4


@pytest.mark.usefixtures("report")
def test_the_page_speaks_russian(manager: Client) -> None:
    """Every word of it that is ours."""
    page = manager.get(f"/reports/{DAY}/", headers={"accept-language": "ru"}).content.decode()
    days_page = manager.get("/reports/", headers={"accept-language": "ru"}).content.decode()

    assert "Выручка" in page
    assert "Ежедневные отчёты" in days_page
    for english in ("Revenue", "Orders", "placed", "Mails", "callback", "Counted", "Median"):
        assert english not in page
        assert english not in days_page


def test_no_orders_at_all_is_a_page_too(manager: Client) -> None:
    """One that says why it is empty."""
    assert "There is no report yet" in text(manager, "/reports/")
    assert text(manager, "/reports.csv").count("\n") == 1


def test_a_day_without_orders_is_a_page_too(manager: Client) -> None:
    """With nothing to divide by."""
    order()
    reports.build(DAY + formats.DAY)

    page = text(manager, f"/reports/{DAY + formats.DAY}/")

    assert "Nothing was sold." in page
    assert "No late payments." in page


def test_late_money_that_waits_for_a_person_stands_out(manager: Client) -> None:
    """With the way to it."""
    money_comes(order(OrderStatus.EXPIRED), MORNING + timedelta(hours=5))
    reports.build(DAY)

    assert "Late payments for 1 order wait for a decision" in text(manager, f"/reports/{DAY}/")


@pytest.mark.parametrize(
    "name", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "{{ 7|add:7 }}", "=1+1"]
)
def test_the_name_of_a_product_stays_text(manager: Client, name: str) -> None:
    """On the page and in the file, whoever wrote it."""
    order(of=product(name))
    reports.build(DAY)

    page = text(manager, f"/reports/{DAY}/")
    file = text(manager, f"/reports/{DAY}.csv")

    assert "<script>alert" not in page
    assert "<img src=x" not in page
    assert "14" not in page.split("Top products")[1].partition("</th>")[0]
    [cells] = [row for row in csv.reader(StringIO(file)) if row[0] == "product"]
    assert cells[1] == (f"'{name}" if name.startswith("=") else name)


@pytest.mark.usefixtures("report")
@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", 2),
        (f"?from={DAY}", 2),
        (f"?from={DAY}&to={DAY}", 1),
        ("?to=2026-03-01", 0),
        (f"?from={DAY + formats.DAY}", 1),
    ],
)
def test_days_can_be_downloaded_from_and_to(manager: Client, query: str, found: int) -> None:
    """Both of them included."""
    reports.build(DAY + formats.DAY)

    answer = manager.get(f"/reports.csv{query}")

    assert answer["Content-Disposition"] == 'attachment; filename="reports.csv"'
    assert len(answer.content.decode("utf-8-sig").splitlines()) == 1 + found


@pytest.mark.parametrize("query", ["?from=x", "?to=2026-02-30", "?from=2026-03-02&to=2026-03-01"])
def test_days_that_are_none_are_refused(manager: Client, query: str) -> None:
    """With a sentence."""
    answer = manager.get(f"/reports.csv{query}")

    assert answer.status_code == 400
    assert answer.content.decode().endswith(".")


def test_pages_take_a_bounded_number_of_queries(manager: Client, settings: Settings) -> None:
    """Whatever there was on those days."""
    settings.REPORT_RECIPIENTS = []
    for number in range(40):
        order(at=MORNING + number * formats.DAY, of=product(f"Product {number % 12}"))
        reports.build(DAY + number * formats.DAY)

    for address in ADDRESSES:
        with CaptureQueriesContext(connection) as queries:
            text(manager, address)
        assert len(queries) <= 10, address
    assert text(manager, "/reports/").count('<th scope="row">') == 30
