"""For programs that run under libfaketime: Python imports this at its start, where PYTHONPATH names the directory.

libfaketime 0.9.10 breaks `clock_nanosleep` to a time of the stopwatch (EINVAL), which is how Python sleeps. `select`
does the same without it.
"""

import select
import time
from typing import SupportsIndex


def sleep(seconds: float | SupportsIndex, /) -> None:
    """As `time.sleep`."""
    length = float(seconds)
    if length < 0:
        raise ValueError("sleep length must be non-negative")
    select.select([], [], [], length)


time.sleep = sleep
