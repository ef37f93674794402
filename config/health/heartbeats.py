"""Heartbeats: they tell a hung loop from an idle one."""

import time
from dataclasses import dataclass, field
from math import isinf


@dataclass
class Heartbeats:
    """The last heartbeat of each named loop, by this machine's monotonic clock. Safe to read from any thread."""

    _at: dict[str, float] = field(default_factory=dict)

    def beat(self, loop: str) -> None:
        """The loop is alive now."""
        self._at[loop] = time.monotonic()

    def problem(self, loop: str, limit_s: float) -> str | None:
        """A sentence if the loop has been silent for longer than the limit, else None."""
        silent_s = self.silent_s(loop)
        if silent_s <= limit_s:
            return None
        return f"{loop} has sent no heartbeat {'yet' if isinf(silent_s) else f'for {silent_s:.0f} s'}."

    def silent_s(self, loop: str) -> float:
        """Seconds since the last heartbeat; infinite before the first."""
        return time.monotonic() - self._at.get(loop, float("-inf"))
