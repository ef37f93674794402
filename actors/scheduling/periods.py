"""The periods of schedule entries: when each is due. All times are UTC.

periodiq's own parser accepts minute 61 and 31 February, never fires on Sunday as 0, and has no seconds. Both periods
here refuse a wrong spec at once.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cronsim import CronSim, CronSimError

DAY_S = 86_400
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class Every:
    """A number of seconds, counted from midnight, so that all schedulers get the same times."""

    seconds: int

    def __post_init__(self) -> None:
        if self.seconds < 1 or DAY_S % self.seconds:
            raise ValueError(
                f"every {self.seconds} s: write a number of seconds that divides a day, like 1, 5, 10 or 60"
            )

    def __str__(self) -> str:
        return f"every {self.seconds} s"

    def latest(self, now: datetime) -> datetime:
        """The last due time up to now."""
        midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        return midnight + timedelta(seconds=int((now - midnight).total_seconds()) // self.seconds * self.seconds)

    def next_valid_date(self, last: datetime) -> datetime:
        """The next due time after this one."""
        return self.latest(last) + timedelta(seconds=self.seconds)


@dataclass(frozen=True)
class Cron:
    """Five fields: minute, hour, day of month, month, day of week (0 and 7 are Sunday, names allowed), in UTC.

    As in every cron, a day matches by day of month *or* by day of week where both are given.
    """

    spec: str

    def __post_init__(self) -> None:
        """Raises ValueError for a spec that is invalid or never due."""
        if len(self.spec.split()) != 5:
            raise ValueError(f"{self.spec!r}: write five fields: minute hour day-of-month month day-of-week")
        try:
            CronSim(self.spec, datetime.now(UTC))
        except CronSimError as error:
            raise ValueError(f"{self.spec!r}: {error}") from None

    def __str__(self) -> str:
        return self.spec

    def latest(self, now: datetime) -> datetime:
        return next(CronSim(self.spec, _minute_of(now) + _MINUTE, reverse=True))

    def next_valid_date(self, last: datetime) -> datetime:
        return next(CronSim(self.spec, last.astimezone(UTC)))


def _minute_of(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(second=0, microsecond=0)
