"""When a schedule entry is due: strict specs, and moments that agree with a second opinion."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from actors.scheduling.periods import Cron, Every

MINUTE = timedelta(minutes=1)
NEW_YEAR = datetime(2027, 1, 1, tzinfo=UTC)
LEAP_YEAR = datetime(2028, 1, 1, tzinfo=UTC)


# --- every so many seconds -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seconds", [1, 2, 5, 10, 60, 3_600, 86_400])
def test_seconds_that_divide_a_day_are_a_period(seconds: int) -> None:
    """So every day begins with a due moment, for every scheduler."""
    period = Every(seconds)

    assert period.latest(NEW_YEAR) == NEW_YEAR
    assert period.next_valid_date(NEW_YEAR) == NEW_YEAR + timedelta(seconds=seconds)


@pytest.mark.parametrize("seconds", [0, -1, -60, 7, 11, 43_201, 86_401, 172_800])
def test_other_seconds_are_refused(seconds: int) -> None:
    """When they are written down, with what to write instead."""
    with pytest.raises(ValueError, match=f"every {seconds} s: write a number of seconds that divides a day"):
        Every(seconds)


@pytest.mark.parametrize(
    ("seconds", "clock", "latest"),
    [
        (5, "12:00:04.999999", "12:00:00"),
        (5, "12:00:05", "12:00:05"),
        (1, "12:00:05.5", "12:00:05"),
        (60, "12:00:59.9", "12:00:00"),
        (7_200, "13:59:59", "12:00:00"),
        (86_400, "23:59:59", "00:00:00"),
    ],
)
def test_the_latest_moment_counts_from_midnight(seconds: int, clock: str, latest: str) -> None:
    """To the second."""
    assert Every(seconds).latest(moment(clock)) == moment(latest)


def test_every_second_of_a_day_agrees_with_itself() -> None:
    """The next moment after the latest is always one period later, and exactly those moments are valid."""
    period = Every(45)
    for second in range(86_400):
        now = NEW_YEAR + timedelta(seconds=second, microseconds=250_000)
        latest = period.latest(now)
        assert latest <= now < period.next_valid_date(now) == latest + timedelta(seconds=45)
        assert (latest == now.replace(microsecond=0)) == (second % 45 == 0)


# --- cron ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "spec",
    [
        "",
        "*",
        "* * * *",
        "* * * * * *",
        "60 * * * *",
        "61 * * * *",
        "-1 * * * *",
        "* 24 * * *",
        "* * 0 * *",
        "* * 32 * *",
        "* * * 0 *",
        "* * * 13 *",
        "* * * * 8",
        "*/0 * * * *",
        "5-1 * * * *",
        "1-60 * * * *",
        "1- * * * *",
        "-5 * * * *",
        "*/ * * * *",
        "5/ * * * *",
        "*/5/5 * * * *",
        "1-2-3 * * * *",
        "*-5 * * * *",
        "1,,2 * * * *",
        ", * * * *",
        "1.5 * * * *",
        "mon * * * *",
        "* * * * monday",
        "* * * * noday",
        "* * * * sat-sun",
        "@weekly",
        "@daily",
        "? * * * *",
        "L * * * *",
        "0 0 31 2 *",
        "0 0 30 2 *",
        "0 0 31 4,6,9,11 *",
    ],
)
def test_a_spec_that_cannot_be_read_or_never_comes_is_refused(spec: str) -> None:
    """When it is written down, and the error shows it."""
    with pytest.raises(ValueError, match=r"^'") as caught:
        Cron(spec)
    assert repr(spec) in str(caught.value)


@pytest.mark.parametrize("sunday", ["0", "7", "sun", "SUN", "0,7", "7-7", "sun-sun"])
def test_sunday_has_three_names(sunday: str) -> None:
    """periodiq's own reading never fires on Sunday as 0."""
    first = datetime(2027, 1, 3, 4, 30, tzinfo=UTC)

    assert list(due(Cron(f"30 4 * * {sunday}"), NEW_YEAR, 15)) == [first, first + timedelta(days=7)]


@pytest.mark.parametrize(
    ("spec", "days"),
    [
        ("0 0 * * mon-fri", [1, 4, 5, 6, 7, 8, 11, 12, 13, 14, 15]),
        ("0 0 * * 6,7", [2, 3, 9, 10]),
        ("0 0 * * 5-7", [1, 2, 3, 8, 9, 10, 15]),
        ("0 0 13 * fri", [1, 8, 13, 15]),
        ("0 0 */5 * *", [1, 6, 11]),
        ("0 0 10 * *", [10]),
        ("0 0 10 2 *", []),
        ("0 0 10 jan,mar *", [10]),
    ],
)
def test_which_days_are_meant(spec: str, days: list[int]) -> None:
    """Names and numbers; day of month or day of week, where both are given. 1 January 2027 is a Friday."""
    assert [moment.day for moment in due(Cron(spec), NEW_YEAR, 15)] == days


def test_the_29th_of_february_comes_in_leap_years() -> None:
    """However far away it is."""
    leap_day = Cron("0 0 29 2 *")

    assert leap_day.next_valid_date(NEW_YEAR) == datetime(2028, 2, 29, tzinfo=UTC)
    assert leap_day.latest(NEW_YEAR) == datetime(2024, 2, 29, tzinfo=UTC)
    assert leap_day.next_valid_date(datetime(2096, 3, 1, tzinfo=UTC)) == datetime(2104, 2, 29, tzinfo=UTC)


def test_all_times_are_utc() -> None:
    """In every time zone of the caller."""
    tokyo = timezone(timedelta(hours=9))
    nightly = Cron("0 3 * * *")

    assert nightly.latest(datetime(2027, 1, 1, 11, 59, tzinfo=tokyo)) == datetime(2026, 12, 31, 3, tzinfo=UTC)
    assert nightly.latest(datetime(2027, 1, 1, 12, 0, tzinfo=tokyo)) == datetime(2027, 1, 1, 3, tzinfo=UTC)
    assert Every(7_200).latest(datetime(2027, 1, 1, 10, 30, tzinfo=tokyo)) == NEW_YEAR


@pytest.mark.parametrize("change", [datetime(2027, 3, 28, tzinfo=UTC), datetime(2027, 10, 31, tzinfo=UTC)])
def test_summer_time_moves_nothing(change: datetime) -> None:
    """The night in which Berlin puts its clocks forward or back has each due moment once, at the same time of UTC."""
    berlin = ZoneInfo("Europe/Berlin")
    expected = [change + timedelta(minutes=30 * half_hour) for half_hour in range(9)]
    found = [Cron("*/30 0-4 * * *").latest((minute + 29 * MINUTE).astimezone(berlin)) for minute in expected]

    assert found == expected
    assert Cron("30 2 * * *").next_valid_date(change.astimezone(berlin)) == change + timedelta(hours=2, minutes=30)


@pytest.mark.parametrize(
    "spec",
    [
        "17 * * * *",
        "*/7 3,4 * * *",
        "0 3 * * *",
        "30 4 1 * *",
        "59 23 31 12 *",
        "0 0 * * 0",
        "5,35 8-18/2 * * mon-fri",
        "0 12 13 * fri",
        "10-50/20 */6 1-7 1,4,7,10 *",
        "0 0 29 2 *",
        "15 14 */10 * 2-4",
    ],
)
def test_a_year_agrees_with_a_second_opinion(spec: str) -> None:
    """Every due minute of a leap year, found by asking about each day and each minute of a day; and every seventh of
    them is found from both sides.
    """
    expected = list(due_minutes(spec, LEAP_YEAR, 366))
    period = Cron(spec)

    assert list(due(period, LEAP_YEAR, 366)) == expected
    for earlier, later in list(pairwise(expected))[::7]:
        assert period.latest(earlier) == earlier
        assert period.latest(later - timedelta(seconds=1)) == earlier
        assert period.next_valid_date(earlier + timedelta(seconds=59)) == later
        assert period.latest(earlier + timedelta(seconds=30)) == earlier
        assert period.latest(later - MINUTE) == earlier


def due(period: Cron, start: datetime, days: int) -> Iterator[datetime]:
    """The due moments of so many days, one after the other."""
    found = period.next_valid_date(start - MINUTE)
    while found < start + timedelta(days=days):
        yield found
        found = period.next_valid_date(found)


def due_minutes(spec: str, start: datetime, days: int) -> Iterator[datetime]:
    """The manual page of cron, read aloud: a slow second opinion that shares nothing with the code."""
    minute, hour, *of_the_day = spec.split()
    clock = [at * MINUTE for at in range(24 * 60) if hits(hour, at // 60, 0) and hits(minute, at % 60, 0)]
    for day in (start + timedelta(days=number) for number in range(days)):
        if is_due_day(day, *of_the_day):
            yield from (day + time for time in clock)


def is_due_day(date: datetime, day: str, month: str, weekday: str) -> bool:
    """Day of month or day of week, where both are restricted; otherwise both."""
    sunday_first = (date.weekday() + 1) % 7
    by_day = hits(day, date.day, 1)
    by_weekday = hits(weekday, sunday_first, 0) or (sunday_first == 0 and hits(weekday, 7, 0))
    chosen = by_day or by_weekday if day[0] != "*" and weekday[0] != "*" else by_day and by_weekday
    return chosen and hits(month, date.month, 1)


def hits(field: str, value: int, least: int) -> bool:
    """Does the field include the value? Remembered: a year asks the same few questions half a million times."""
    for number, name in enumerate(["sun", "mon", "tue", "wed", "thu", "fri", "sat"]):
        field = field.replace(name, str(number))
    for part in field.split(","):
        span, _, step = part.partition("/")
        first, _, last = span.partition("-")
        start, end = (least, 99) if span == "*" else (int(first), int(last or (99 if step else first)))
        if start <= value <= end and (value - start) % int(step or 1) == 0:
            return True
    return False


def moment(clock: str) -> datetime:
    """That time on a day."""
    return datetime.fromisoformat(f"2027-03-01T{clock}+00:00")
