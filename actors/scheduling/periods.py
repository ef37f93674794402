"""When a schedule entry is due: a strict reading of what periodiq reads too kindly.

periodiq's own parser takes 61 minutes and 31 February for valid, never fires on Sunday as 0, and knows no seconds. Here
a wrong spec is refused when it is written down. All times are UTC. Both kinds speak periodiq's protocol (`validate`,
`next_valid_date`), so its scheduler takes them in place of its own.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property

DAY_S = 86_400
_NAMES = {name: str(number) for number, name in enumerate(["sun", "mon", "tue", "wed", "thu", "fri", "sat"])}
_FIELDS = (("minute", 0, 59), ("hour", 0, 23), ("day of month", 1, 31), ("month", 1, 12), ("day of week", 0, 7))


@dataclass(frozen=True)
class Every:
    """Every so many seconds, counted from midnight, so that all schedulers mean the same moments."""

    seconds: int

    def __post_init__(self) -> None:
        if self.seconds < 1 or DAY_S % self.seconds:
            raise ValueError(
                f"every {self.seconds} s: write a number of seconds that divides a day, like 1, 5, 10 or 60"
            )

    def __str__(self) -> str:
        return f"every {self.seconds} s"

    def latest(self, now: datetime) -> datetime:
        """The last moment up to now that was due."""
        midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        return midnight + timedelta(seconds=int((now - midnight).total_seconds()) // self.seconds * self.seconds)

    def next_valid_date(self, last: datetime) -> datetime:
        """The next due moment after this one."""
        return self.latest(last) + timedelta(seconds=self.seconds)

    def validate(self, date: datetime) -> bool:
        """Is this second due?"""
        return self.latest(date) == date.replace(microsecond=0)


@dataclass(frozen=True)
class Cron:
    """Five fields: minute, hour, day of month, month, day of week (0 and 7 are Sunday, names allowed), in UTC.

    As in every cron, a day matches by day of month *or* by day of week where both are given.
    """

    spec: str

    def __post_init__(self) -> None:
        """Raises ValueError for a spec that cannot be read, or that never comes."""
        try:
            self.latest(datetime(2028, 12, 31, 23, 59, tzinfo=UTC))  # 2028 is a leap year: 29 February counts
        except ValueError as error:
            raise ValueError(f"{self.spec!r}: {error}") from None

    def __str__(self) -> str:
        return self.spec

    def latest(self, now: datetime) -> datetime:
        """The last moment up to now that was due."""
        day = now.astimezone(UTC).replace(second=0, microsecond=0)
        for _ in range(4 * 366):
            minutes = [m for m in self._minutes_of_day if m <= day.hour * 60 + day.minute]
            if minutes and self._day_matches(day):
                return day.replace(hour=minutes[-1] // 60, minute=minutes[-1] % 60)
            day = day.replace(hour=23, minute=59) - timedelta(days=1)
        raise ValueError("it never comes")

    def next_valid_date(self, last: datetime) -> datetime:
        """The next due moment after this one."""
        day = last.astimezone(UTC).replace(second=0, microsecond=0) + timedelta(minutes=1)
        for _ in range(8 * 366):
            minutes = [m for m in self._minutes_of_day if m >= day.hour * 60 + day.minute]
            if minutes and self._day_matches(day):
                return day.replace(hour=minutes[0] // 60, minute=minutes[0] % 60)
            day = day.replace(hour=0, minute=0) + timedelta(days=1)
        raise ValueError("it never comes")

    def validate(self, date: datetime) -> bool:
        """Is this minute due?"""
        return self.latest(date) == date.astimezone(UTC).replace(second=0, microsecond=0)

    @cached_property
    def _fields(self) -> list[frozenset[int]]:
        parts = self.spec.lower().split()
        if len(parts) != len(_FIELDS):
            raise ValueError("write five fields: minute hour day-of-month month day-of-week")
        return [_values(part, *field) for part, field in zip(parts, _FIELDS, strict=True)]

    @cached_property
    def _minutes_of_day(self) -> list[int]:
        minutes, hours, *_ = self._fields
        return sorted(hour * 60 + minute for hour in hours for minute in minutes)

    def _day_matches(self, day: datetime) -> bool:
        _, _, days, months, weekdays = self._fields
        by_day, by_weekday = day.day in days, day.isoweekday() % 7 in {weekday % 7 for weekday in weekdays}
        both_given = not any(part.startswith("*") for part in (self.spec.split()[2], self.spec.split()[4]))
        return day.month in months and (by_day or by_weekday if both_given else by_day and by_weekday)


def _values(text: str, noun: str, least: int, most: int) -> frozenset[int]:
    """One field: `*`, `5`, `1-5`, `*/10`, `10-50/20`, and lists of these."""
    values: set[int] = set()
    for part in text.split(","):
        span, has_step, step = part.partition("/")
        first, has_end, last = (f"{least}-{most}" if span == "*" else span).partition("-")
        if not has_end:
            last = str(most) if has_step else first
        start, end, every = (_number(word, noun) for word in (first, last, step if has_step else "1"))
        if not (least <= start <= end <= most and every >= 1):
            raise ValueError(f"{part!r} is no {noun}: write numbers from {least} to {most}")
        values.update(range(start, end + 1, every))
    return frozenset(values)


def _number(word: str, noun: str) -> int:
    word = _NAMES.get(word, word) if noun == "day of week" else word
    if not word.isdecimal():
        raise ValueError(f"{word!r} is no {noun}")
    return int(word)
