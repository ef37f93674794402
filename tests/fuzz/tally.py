"""What was answered: counts by URL, failures with their requests, and the verdict."""

import threading
from collections import Counter, defaultdict
from dataclasses import dataclass, field

from tests.fuzz.targets import Target
from tests.fuzz.visitors import Answer, Request

KINDS = ("2xx", "3xx", "4xx", "5xx", "none")

SHOWN = 20
"""Failures that the report shows."""


@dataclass
class Tally:
    """Filled by several threads."""

    port: int
    targets: list[Target]
    by_target: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    let_in: set[str] = field(default_factory=set)
    """URLs that answered the superuser with something other than a refusal."""

    closed: set[str] = field(default_factory=set)
    """URLs that refuse everyone."""

    failures: list[str] = field(default_factory=list)
    slowest: tuple[float, str] = (0.0, "")
    log: list[str] = field(default_factory=list)
    """Lines of the server's log about errors."""

    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, target: Target, request: Request, answer: Answer) -> None:
        """Count an answer. A server that closes the connection on a broken head is right; see `log`."""
        with self._lock:
            self.by_target[target.template][f"{answer.status // 100}xx" if answer.status else "none"] += 1
            if request.role == "superuser" and answer.status and not answer.refuses_permission:
                self.let_in.add(target.template)
            if answer.status >= 500:
                self.failures.append(f"{answer.status}: {request.curl(self.port)}")
            self.slowest = max(self.slowest, (answer.seconds, request.curl(self.port)[:2_000]))

    def table(self) -> str:
        """One line for each URL."""
        rows = [(name, *(seen[kind] for kind in KINDS)) for name, seen in sorted(self.by_target.items())]
        total = (sum(seen[kind] for seen in self.by_target.values()) for kind in KINDS)
        lines = [("URL", *KINDS), *rows, ("all", *total)]
        return "\n".join(f"{line[0]:<70}" + "".join(f"{cell:>8}" for cell in line[1:]) for line in lines)

    def problems(self, slow_s: float) -> list[str]:
        """Sentences; none if all is well."""
        closed = [each.template for each in self.targets if each.template not in self.let_in | self.closed]
        found = [f"The superuser was never let in: {template}" for template in closed]
        found += [f"{len(self.failures)} answers of 500."] * bool(self.failures) + self.failures[:SHOWN]
        found += [f"The log has {len(self.log)} lines about errors."] * bool(self.log)
        found += [line[-3_000:] for line in self.log[:SHOWN]]
        if self.slowest[0] > slow_s:
            found.append(f"An answer took {self.slowest[0]:.1f} s: {self.slowest[1]}")
        return found
