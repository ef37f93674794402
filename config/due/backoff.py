"""How long to wait after an error."""

from datetime import timedelta


def backoff(errors: int, first: timedelta, longest: timedelta) -> timedelta:
    """Double the wait with every consecutive error, up to a limit.

    >>> [int(backoff(n, timedelta(seconds=5), timedelta(seconds=60)).total_seconds()) for n in range(6)]
    [5, 10, 20, 40, 60, 60]
    """
    doubled: timedelta = first * 2 ** min(errors, 32)
    return min(doubled, longest)
