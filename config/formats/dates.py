"""Calendar dates, in the caller's time zone."""

from datetime import date, timedelta

DAY = timedelta(days=1)


def span(first: date, last: date) -> list[date]:
    """Every day from the first to the last; none if the last comes before the first.

    >>> [str(day) for day in span(date(2026, 2, 27), date(2026, 3, 1))]
    ['2026-02-27', '2026-02-28', '2026-03-01']
    """
    return [first + number * DAY for number in range((last - first).days + 1)]
