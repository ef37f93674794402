"""The database's time, as this process knows it.

Hosts' clocks go wrong. The database itself decides what is due. For the rest (how old is this message?) each process
compares its clock with the database's from time to time and corrects the difference. Before its first comparison it
uses its own clock.
"""

import logging
import time
from datetime import datetime

log = logging.getLogger(__name__)

WORTH_SAYING_S = 2.0
"""NTP keeps a clock closer than this. A busy machine may only seem to be this far off."""


class Clock:
    """One per process; safe to use from any thread."""

    def __init__(self) -> None:
        self.ahead_s = 0.0
        """Seconds by which this process's clock is ahead of the database's; negative if behind."""
        self._said_s = 0.0

    def compare(self, database_now: datetime) -> None:
        """Take over the database's time, read a moment ago. Log each change above WORTH_SAYING_S."""
        self.ahead_s = time.time() - database_now.timestamp()
        if abs(self.ahead_s - self._said_s) >= WORTH_SAYING_S:
            self._said_s = self.ahead_s if abs(self.ahead_s) >= WORTH_SAYING_S else 0.0
            level = logging.ERROR if self._said_s else logging.INFO
            log.log(level, "clock.wrong" if self._said_s else "clock.right", extra={"ahead_s": round(self.ahead_s, 1)})

    def millis(self) -> int:
        """Now, in milliseconds since 1970."""
        return int((time.time() - self.ahead_s) * 1000)


clock = Clock()
