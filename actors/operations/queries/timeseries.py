"""Events of the last hour, in slots, for charts; a shorter time if there are too many rows."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

SPAN = timedelta(hours=1)
SLOTS = 12


@dataclass(frozen=True)
class Slot:
    """One slot: the count of each event."""

    begins_at: datetime
    counts: dict[str, int]


def spread(happened: Sequence[tuple[datetime, str]], now: datetime, limit: int) -> list[Slot]:
    """The slots, oldest first. `happened`: times and names, newest first; after `limit` of them, none was read."""
    span = max(now - happened[-1][0], timedelta(seconds=SLOTS)) if len(happened) >= limit else SPAN
    width = span / SLOTS
    counts: list[Counter[str]] = [Counter() for _ in range(SLOTS)]
    for at, name in happened:
        counts[min(max(0, (now - at) // width), SLOTS - 1)][name] += 1
    return [Slot(now - width * (number + 1), dict(counts[number])) for number in reversed(range(SLOTS))]
