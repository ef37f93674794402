"""Days of the shop: from midnight to midnight in SHOP_TIME_ZONE.

A day has 23 or 25 hours when the clocks change, so it ends at the next day's midnight, not "24 hours later".
"""

from datetime import UTC, date, datetime, time, timedelta

from django.utils.timezone import get_default_timezone

from config.formats import DAY

HOUR = timedelta(hours=1)


def bounds(day: date) -> tuple[datetime, datetime]:
    """The day's start, and the next day's start. If the clocks skip midnight, it is the moment when they skip."""
    return _midnight(day), _midnight(day + DAY)


def day_of(moment: datetime) -> date:
    """The shop's day at this moment."""
    return moment.astimezone(get_default_timezone()).date()


def last_closed(now: datetime) -> date:
    """The latest day that is over."""
    return day_of(now) - DAY


def hour_labels(day: date) -> list[str]:
    """A label for each hour of the day: what the shop's clock shows when it begins."""
    start, end = bounds(day)
    hours = -((start - end) // HOUR)  # rounded up: some clocks change by half an hour
    return [f"{(start + number * HOUR).astimezone(get_default_timezone()):%H}" for number in range(hours)]


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, tzinfo=get_default_timezone()).astimezone(UTC)
