"""The due column: claims, leases and outcomes of slow work, and the metrics about them.

Here: the wait after an error, and the event that ends all slow work.
"""

import threading
from datetime import timedelta

shutting_down = threading.Event()
"""Is this process shutting down? It finishes what it began and claims nothing new: a sweep runs while rows are due, and
a stopping process has seconds. All other work waits in the database."""


def backoff(errors: int, first: timedelta, longest: timedelta) -> timedelta:
    """Double the wait with every consecutive error, up to a limit.

    >>> [int(backoff(n, timedelta(seconds=5), timedelta(seconds=60)).total_seconds()) for n in range(6)]
    [5, 10, 20, 40, 60, 60]
    """
    doubled: timedelta = first * 2 ** min(errors, 32)
    return min(doubled, longest)
