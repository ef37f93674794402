"""Loops that say each time they come round, so that one which hangs can be told from one that has nothing to do."""

import time
from dataclasses import dataclass, field
from math import isinf


@dataclass
class Heartbeats:
    """When each named loop last came round, by this machine's own clock; safe to read from any thread."""

    _at: dict[str, float] = field(default_factory=dict)

    def note(self, loop: str) -> None:
        """The loop comes round now."""
        self._at[loop] = time.monotonic()

    def problem(self, loop: str, limit_s: float) -> str | None:
        """Has the loop been silent for longer than the limit?"""
        silent_s = self.silent_s(loop)
        if silent_s <= limit_s:
            return None
        return f"{loop} has not come round {'yet' if isinf(silent_s) else f'for {silent_s:.0f} s'}."

    def silent_s(self, loop: str) -> float:
        """So long nothing was heard of the loop; infinite where nothing ever was."""
        return time.monotonic() - self._at.get(loop, float("-inf"))
