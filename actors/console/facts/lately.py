"""The last hour in slots, for charts; or so much of it as the latest rows tell, where there are too many to read."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

SPAN = timedelta(hours=1)
SLOTS = 12


def spread(happened: Sequence[tuple[datetime, str]], now: datetime, most: int) -> list[tuple[datetime, Counter[str]]]:
    """When each slot begins and what happened in it, the oldest slot first.

    `happened`: moments and words, the newest first; as many as `most` mean that there were more before them.
    """
    span = max(now - happened[-1][0], timedelta(seconds=SLOTS)) if len(happened) >= most else SPAN
    width = span / SLOTS
    counts: list[Counter[str]] = [Counter() for _ in range(SLOTS)]
    for at, word in happened:
        counts[min(max(0, (now - at) // width), SLOTS - 1)][word] += 1
    return [(now - width * (number + 1), counts[number]) for number in reversed(range(SLOTS))]
