"""Events of the last time, in slots, for charts; a shorter time if there are too many rows."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Case, Count, QuerySet, When


@dataclass(frozen=True)
class Range:
    """A time until now, and the number of its slots."""

    span: timedelta
    slots: int = 12


RANGES = {
    "1h": Range(timedelta(hours=1)),
    "6h": Range(timedelta(hours=6)),
    "24h": Range(timedelta(days=1)),
    "7d": Range(timedelta(days=7), slots=14),
}
"""By its name in the URL; the first one is the usual one."""

HOUR = RANGES["1h"]


@dataclass(frozen=True)
class Slot:
    """One slot: the count of each event."""

    begins_at: datetime
    counts: dict[str, int]


def spread(happened: Sequence[tuple[datetime, str]], now: datetime, limit: int) -> list[Slot]:
    """The slots of the last hour, oldest first. `happened`: times and names, newest first; after `limit` of them, none
    was read.
    """
    full = len(happened) >= limit
    width = (_shorter(HOUR, now, happened[-1][0]) if full else HOUR.span) / HOUR.slots
    counts: list[Counter[str]] = [Counter() for _ in range(HOUR.slots)]
    for at, name in happened:
        counts[min(max(0, (now - at) // width), HOUR.slots - 1)][name] += 1
    return _slots(now, width, counts)


def count_by_slot(rows: "QuerySet[Any]", at: str, name: str, now: datetime, over: Range, limit: int) -> list[Slot]:
    """The same for a longer time: the database counts the rows by the columns `at` and `name`, the latest `limit`."""
    rows = rows.filter(**{f"{at}__gt": now - over.span}).order_by(f"-{at}")
    last = rows.values_list(at, flat=True)[limit : limit + 1].first()
    width = (_shorter(over, now, last) if last else over.span) / over.slots
    slot = Case(*(When(**{f"{at}__gt": now - width * (number + 1)}, then=number) for number in range(over.slots)))
    counts: list[Counter[str]] = [Counter() for _ in range(over.slots)]
    found = rows.filter(**{f"{at}__gt": now - width * over.slots}).order_by()
    for number, named, count in found.annotate(slot=slot).values_list("slot", name).annotate(Count("pk")):
        counts[number][named] += count
    return _slots(now, width, counts)


def _shorter(over: Range, now: datetime, oldest: datetime) -> timedelta:
    return max(now - oldest, timedelta(seconds=over.slots))


def _slots(now: datetime, width: timedelta, counts: Sequence[Counter[str]]) -> list[Slot]:
    return [Slot(now - width * (number + 1), dict(counts[number])) for number in reversed(range(len(counts)))]
