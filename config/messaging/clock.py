"""The time of day that all processes agree on: the database's, as far as this process knows it.

Hosts' clocks go wrong. What is due is decided by the database itself; for the rest (how old is this message?) each
process compares its own clock with the database's now and then, and corrects it by what it found. One that has not
compared yet goes by its own.
"""

import logging
import time
from datetime import datetime

log = logging.getLogger(__name__)

WORTH_SAYING_S = 2.0
"""A clock that NTP looks after is never so far off; one of a machine that was busy meanwhile may seem to be."""


class Clock:
    """One for each process; may be asked and compared from any thread."""

    def __init__(self) -> None:
        self.ahead_s = 0.0
        """By how much this process's own clock is ahead of the database's; negative: behind."""
        self._said_s = 0.0

    def compare(self, database_now: datetime) -> None:
        """Take the database's word for it, a moment after it was given; the log tells of each change worth saying."""
        self.ahead_s = time.time() - database_now.timestamp()
        if abs(self.ahead_s - self._said_s) >= WORTH_SAYING_S:
            self._said_s = self.ahead_s if abs(self.ahead_s) >= WORTH_SAYING_S else 0.0
            level = logging.ERROR if self._said_s else logging.INFO
            log.log(level, "clock.wrong" if self._said_s else "clock.right", extra={"ahead_s": round(self.ahead_s, 1)})

    def millis(self) -> int:
        """Now, in milliseconds since 1970."""
        return int((time.time() - self.ahead_s) * 1000)


clock = Clock()
