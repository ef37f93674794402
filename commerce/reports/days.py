"""Days as the shop's clock on the wall has them: from midnight to midnight in SHOP_TIME_ZONE.

A day has 23 or 25 hours where the clocks change, so a day's end is the next day's midnight and never "24 hours later".
"""

from datetime import UTC, date, datetime, time, timedelta

from django.utils.timezone import get_default_timezone

from config.formats.dates import DAY

HOUR = timedelta(hours=1)


def bounds(day: date) -> tuple[datetime, datetime]:
    """The day's first moment, and the first one after it. A midnight that the clocks skip is the moment of skipping."""
    return _midnight(day), _midnight(day + DAY)


def day_of(moment: datetime) -> date:
    """The day on which the shop saw this moment."""
    return moment.astimezone(get_default_timezone()).date()


def last_closed(now: datetime) -> date:
    """The youngest day that is over."""
    return day_of(now) - DAY


def hour_labels(day: date) -> list[str]:
    """Each hour of the day, by the number the shop's clock shows when it begins."""
    start, end = bounds(day)
    hours = -((start - end) // HOUR)  # rounded up: some clocks change by half an hour
    return [f"{(start + number * HOUR).astimezone(get_default_timezone()):%H}" for number in range(hours)]


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, tzinfo=get_default_timezone()).astimezone(UTC)
