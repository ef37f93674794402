"""For programs that run under libfaketime: Python imports this at its start, where PYTHONPATH names the directory.

libfaketime 0.9.10 breaks `clock_nanosleep` to a time of the stopwatch (EINVAL), which is how Python sleeps. `select`
does the same without it.
"""

import select
import time


def sleep(seconds: float, /) -> None:
    """As `time.sleep`."""
    if seconds < 0:
        raise ValueError("sleep length must be non-negative")
    select.select([], [], [], seconds)


time.sleep = sleep
