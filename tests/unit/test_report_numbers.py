"""What of a daily report needs no database: days, numbers that add up, charts, CSV, words."""

import csv
import doctest
import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from io import StringIO
from xml.etree import ElementTree

import pytest
from pytest_django import Settings

from commerce.models import DailyReport
from commerce.models.report_numbers import Hour, Numbers, Returned, Sold, Taken
from commerce.reports import csv_files, days
from commerce.reports import page as report_page
from config import charts, env, formats
from config.charts import Part, Series
from config.formats import span

QUIET = Numbers(
    hours=tuple(Hour(f"{hour:02}", 0, 0) for hour in range(24)),
    placed_paid=0,
    placed_canceled=0,
    placed_expired=0,
    placed_open=0,
    revenue=(),
    delivery=(),
    late_taken=(),
    late_waiting=(),
    products=(),
    found_by={},
    median_s=None,
    mails_sent=0,
    mails_given_up=0,
    mails_waiting=0,
)
BUSY = replace(
    QUIET,
    hours=(Hour("00", 3, 1), Hour("01", 2, 2)),
    placed_paid=2,
    placed_canceled=1,
    placed_expired=1,
    placed_open=1,
    revenue=(Taken("EUR", 2, 1350), Taken("JPY", 1, 900)),
    delivery=(Taken("EUR", 1, 490),),
    late_taken=(Taken("EUR", 1, 450),),
    products=(Sold("Espresso", 3, "EUR", 1350),),
    found_by={"callback": 2, "return": 1},
    median_s=4.25,
    mails_sent=2,
    mails_given_up=1,
)


def report(numbers: Numbers) -> DailyReport:
    """A row that is nowhere kept."""
    return DailyReport(day=date(2026, 3, 2), numbers=numbers.to_json(), built_at=datetime(2026, 3, 3, tzinfo=UTC))


def rows(text: str) -> list[list[str]]:
    """As a spreadsheet reads it."""
    return list(csv.reader(StringIO(text)))


# --- days ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("UTC", date(2026, 3, 29), 24),
        ("Europe/Moscow", date(2026, 3, 29), 24),
        ("Europe/Berlin", date(2026, 3, 29), 23),
        ("Europe/Berlin", date(2026, 10, 25), 25),
        ("America/New_York", date(2026, 3, 8), 23),
        ("America/New_York", date(2026, 11, 1), 25),
        ("America/Sao_Paulo", date(2018, 11, 4), 23),  # there was no midnight that day
        ("America/Havana", date(2024, 11, 3), 25),  # and two of them this day; later years are not decided
        ("Australia/Lord_Howe", date(2026, 4, 5), 24.5),
        ("Pacific/Apia", date(2011, 12, 30), 0),  # a day that Samoa left out
    ],
)
def test_a_day_has_the_hours_that_the_clocks_give_it(settings: Settings, zone: str, day: date, hours: float) -> None:
    """From one midnight of the shop to the next."""
    settings.TIME_ZONE = zone
    start, end = days.bounds(day)

    assert end - start == timedelta(hours=hours)
    assert len(days.hour_labels(day)) == -int(-hours // 1)


@pytest.mark.parametrize("zone", ["Europe/Moscow", "America/New_York", "America/Havana", "Australia/Lord_Howe"])
def test_days_leave_no_moment_out_and_none_twice(settings: Settings, zone: str) -> None:
    """One ends where the next begins, and each moment is seen on the day in whose bounds it is."""
    settings.TIME_ZONE = zone
    for day in span(date(2026, 1, 1), date(2026, 12, 31)):
        start, end = days.bounds(day)
        assert end == days.bounds(day + formats.DAY)[0]
        assert days.day_of(start) == days.day_of(end - timedelta(microseconds=1)) == day


def test_the_repeated_hour_is_there_twice_and_the_skipped_one_is_not(settings: Settings) -> None:
    """As on the clock on the wall."""
    settings.TIME_ZONE = "America/New_York"

    assert days.hour_labels(date(2026, 11, 1))[:4] == ["00", "01", "01", "02"]
    assert days.hour_labels(date(2026, 3, 8))[:4] == ["00", "01", "03", "04"]


def test_a_day_is_closed_when_it_is_over_for_the_shop(settings: Settings) -> None:
    """At 22:00 UTC Moscow has begun the next day, and New York has not."""
    now = datetime(2026, 6, 10, 22, 0, tzinfo=UTC)
    settings.TIME_ZONE = "Europe/Moscow"
    assert days.last_closed(now) == date(2026, 6, 10)
    settings.TIME_ZONE = "America/New_York"
    assert days.last_closed(now) == date(2026, 6, 9)


# --- numbers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("numbers", [QUIET, BUSY], ids=["quiet", "busy"])
def test_numbers_come_back_from_the_database_as_they_went(numbers: Numbers) -> None:
    """Through real JSON, tuples included."""
    import json

    assert Numbers.from_json(json.loads(json.dumps(numbers.to_json()))) == numbers


def test_sums_are_those_of_the_parts() -> None:
    """Nothing is kept twice."""
    assert (BUSY.placed, BUSY.paid, BUSY.late, BUSY.mails, BUSY.conversion) == (5, 3, 1, 3, 0.4)
    assert (QUIET.placed, QUIET.paid, QUIET.late, QUIET.mails, QUIET.conversion) == (0, 0, 0, 0, None)


@pytest.mark.parametrize(
    "wrong",
    [
        {"placed_open": 2},
        {"revenue": (Taken("EUR", 2, 1350),)},
        {"delivery": (Taken("EUR", 1, 1351),)},
        {"delivery": (Taken("USD", 1, 1),)},
        {"found_by": {"callback": 2}},
        {"refunds": (Returned("EUR", 1, 100),)},
        {"refunds": (Returned("EUR", 1, 100),), "refunds_of_orders": (Returned("USD", 1, 100),)},
        {"refunds_of_other_money": (Returned("EUR", 1, 100),)},
    ],
    ids=str,
)
def test_numbers_that_do_not_add_up_are_refused(wrong: dict[str, object]) -> None:
    """A wrong report would be believed."""
    with pytest.raises(ValueError, match="do not add up"):
        replace(BUSY, **wrong)  # type: ignore[arg-type]


def test_shares_sum_to_one() -> None:
    """Whenever there is anything to share."""
    page = report_page.page(report(BUSY))
    for name in ("outcomes", "found_by", "mails"):
        assert sum(share.percent for share in page[name]) == pytest.approx(100)
    assert sum(share.percent for share in report_page.page(report(QUIET))["found_by"]) == 0


# --- charts ----------------------------------------------------------------------------------------------------------


def test_the_highest_bar_fits() -> None:
    """And the examples in the text are right."""
    assert doctest.testmod(charts).failed == 0
    for highest in (0, 0.5, 1, 5, 61, 12_345):
        assert charts.nice_ceiling(highest) >= highest > 0 or highest == 0


def test_a_chart_is_well_formed_and_stays_within_its_place() -> None:
    """Whatever stands in its labels."""
    chart = charts.bars("<b>", ["&", '"'], [Series("<i>", "c1", [1, 7]), Series("paid", "c2", [0, 3])])

    svg = ElementTree.fromstring(chart)  # noqa: S314 (drawn here)
    bars = svg.findall("rect")
    assert [bar.findtext("title") for bar in bars] == ["&: 1 <i>", '": 7 <i>', '": 3 paid']
    for bar in bars:
        assert float(bar.attrib["y"]) >= 0
        assert float(bar.attrib["y"]) + float(bar.attrib["height"]) <= 200 - charts.BOTTOM + 0.1
        assert float(bar.attrib["x"][:-1]) + float(bar.attrib["width"][:-1]) <= 100
    assert svg.attrib["aria-label"] == '<b>. <i>: 8, ": 7; paid: 3, ": 3'


def test_the_parts_of_a_whole_fill_it() -> None:
    """And nothing is drawn of nothing."""
    svg = ElementTree.fromstring(charts.stacked("t", [Part("a", "c1", 1), Part("b", "c2", 0), Part("c", "c3", 2)]))  # noqa: S314

    assert sum(float(rect.attrib["width"][:-1]) for rect in svg.findall("rect")) == pytest.approx(100, abs=0.01)
    assert "<rect" not in charts.stacked("t", [Part("a", "c1", 0)])


@pytest.mark.parametrize("others", [1, 100, 1_000_000])
def test_one_failure_among_many_is_seen(others: int) -> None:
    """As a part of a whole, which it does not burst, and as a bar; the chart says its number."""
    whole = ElementTree.fromstring(charts.stacked("t", [Part("sent", "c1", others), Part("failed", "c3", 1)]))  # noqa: S314
    widths = [float(rect.attrib["width"][:-1]) for rect in whole.findall("rect")]
    drawn = charts.bars("t", ["a"], [Series("sent", "c1", [others]), Series("failed", "c3", [1])])
    heights = [float(rect.attrib["height"]) for rect in ElementTree.fromstring(drawn).findall("rect")]  # noqa: S314

    assert min(widths) > 1
    assert sum(widths) == pytest.approx(100, abs=0.01)
    assert min(heights) >= 4
    assert "failed: 1" in whole.attrib["aria-label"]


@pytest.mark.parametrize("numbers", [QUIET, BUSY], ids=["quiet", "busy"])
def test_every_chart_says_what_it_shows(numbers: Numbers) -> None:
    """To those who cannot see it."""
    for chart in [*report_page.day_charts(numbers).values(), report_page.days_chart([report(numbers)])]:
        assert re.match(r'<svg class="[^"]+" role="img" aria-label="[^"]{10,}"', chart)


# --- CSV -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "  =1", '=HYPERLINK("http://x")'])
def test_no_name_becomes_a_formula(name: str) -> None:
    """It is shown, with an apostrophe in front."""
    numbers = replace(BUSY, products=(Sold(name, 3, "EUR", 1350),))

    assert ["product", f"'{name}", "3", "13.50", "EUR"] in rows(csv_files.of_day(report(numbers)))


def test_many_days_are_one_table() -> None:
    """A line for each, and a column for each currency of any of them."""
    header, busy, quiet = rows(csv_files.of_days([report(BUSY), report(QUIET)]))

    first, second = dict(zip(header, busy, strict=True)), dict(zip(header, quiet, strict=True))
    assert (first["day"], first["placed"], first["conversion"]) == ("2026-03-02", "5", "0.4")
    assert (first["revenue EUR"], first["revenue JPY"], second["revenue EUR"]) == ("13.50", "900", "0")
    assert (first["delivery in it EUR"], first["delivery in it JPY"], second["delivery in it EUR"]) == (
        "4.90",
        "0",
        "0",
    )
    assert (second["conversion"], second["median seconds to confirm"]) == ("", "")


# --- the setting -----------------------------------------------------------------------------------------------------


def test_managers_are_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of them once; nobody by default."""
    assert env.addresses("SOME_ADDRESSES") == []
    monkeypatch.setenv("SOME_ADDRESSES", "ann@example.com, bob@example.com,ann@example.com")
    assert env.addresses("SOME_ADDRESSES") == ["ann@example.com", "bob@example.com"]


@pytest.mark.parametrize("value", ["ann", "ann@", "ann@example.com bob@example.com", "Ann <ann@example.com>"])
def test_what_is_no_address_stops_the_start(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    """With the sentence that says what to write."""
    monkeypatch.setenv("SOME_ADDRESSES", value)

    with pytest.raises(env.WrongSetting, match=r"SOME_ADDRESSES is '.*': write addresses like ann@example.com"):
        env.addresses("SOME_ADDRESSES")
