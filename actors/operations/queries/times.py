"""Times in a search: a moment, or a time ago."""

from contextlib import suppress
from datetime import UTC, datetime

from django.utils.timezone import get_current_timezone, is_naive, make_aware
from django.utils.translation import gettext as _

from config.formats import DAY, parse_duration

DAY_CHARS = len("2026-03-29")


def read_time(word: str, now: datetime, ends: bool = False) -> datetime:
    """`90s`, `15m`, `2h`, `7d` before `now`; `2026-03-29`, or `2026-03-29T12:00`, in the shop's time zone.

    A day that `ends` something is included. Raises ValueError, with a sentence, for anything else.
    """
    try:
        with suppress(ValueError):
            return now - parse_duration(word)
        at = datetime.fromisoformat(word)
        at = at + DAY if ends and len(word) <= DAY_CHARS else at
        return (make_aware(at, get_current_timezone()) if is_naive(at) else at).astimezone(UTC)
    except (ValueError, OverflowError):  # a day that does not exist, or lies before year 1
        raise ValueError(
            _("“%(word)s” is not a time: write 15m, 2h, 7d, or a day like 2026-03-29.") % {"word": word}
        ) from None
