"""The health checks of a process, and the thread that reports them.

Each process has checks of two kinds. It is *live* while its own loops send heartbeats; otherwise restart it. It is
*ready* while the services it needs answer; otherwise send it no work, but a restart would not help. HTTP probes ask for
both. systemd gets READY once the process is ready, and WATCHDOG only while it is live.
"""

import json
import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from config.health.liveness import HealthCheck, problems
from config.health.server import Response
from config.health.systemd import notify, watchdog_s

log = logging.getLogger(__name__)

CHECK_EVERY_S = 1.0
"""Seconds between two rounds of checks; systemd's watchdog may ask for more, three in each of its periods."""

STARTING_S = 60
"""Each round of checks asks systemd for this much more start-up time, while a live process is not ready yet."""


@dataclass(frozen=True)
class ProcessHealth:
    """The checks of one process, by name. Probes show names only; the sentences, with addresses, go to the log."""

    live: Mapping[str, HealthCheck]
    ready: Mapping[str, HealthCheck]

    def routes(self) -> dict[str, Callable[[], Response]]:
        """For `config.health.server.serve`. A process that is not live is not ready either."""
        return {
            "/healthz": lambda: answer("live", problems(self.live)),
            "/readyz": lambda: answer("ready", problems({**self.live, **self.ready})),
        }

    def report(self, name: str) -> Callable[[], None]:
        """Start a thread that reports each change to systemd and to the log, under `name`.

        Returns the function that stops it; otherwise it ends with the process.
        """
        reporter = _Reporter(name, self)
        threading.Thread(target=reporter.run, name="health", daemon=True).start()
        return reporter.stop_requested.set


class _Reporter:
    def __init__(self, name: str, health: ProcessHealth) -> None:
        self._name, self._health = name, health
        self.stop_requested = threading.Event()
        self._was_ready = False
        self._stalled: dict[str, str] = {}
        self._every_s = min(CHECK_EVERY_S, (watchdog_s() or 3 * CHECK_EVERY_S) / 3)

    def run(self) -> None:
        """Check and report until `stop_requested` is set."""
        while not self.stop_requested.is_set():
            self._check()
            self.stop_requested.wait(self._every_s)

    def _check(self) -> None:
        stalled = problems(self._health.live)
        if stalled.keys() != self._stalled.keys():
            self._log_change(stalled)
        self._stalled = stalled
        if stalled:
            return
        notify("WATCHDOG=1")
        if not self._was_ready:
            self._check_ready()

    def _check_ready(self) -> None:
        missing = problems(self._health.ready)
        self._was_ready = not missing
        if missing:
            notify(f"STATUS=waiting: {', '.join(missing)}", f"EXTEND_TIMEOUT_USEC={STARTING_S * 1_000_000}")
        else:
            notify("READY=1", "STATUS=ready")
            log.info(f"{self._name}.ready")

    def _log_change(self, stalled: Mapping[str, str]) -> None:
        notify(f"STATUS=stalled: {', '.join(stalled)}" if stalled else "STATUS=recovered")
        if not stalled:
            log.warning(f"{self._name}.goes_on")
        for check, problem in stalled.items():
            log.error(f"{self._name}.stalled", extra={"check": check, "problem": problem})


def answer(word: str, found: Mapping[str, str]) -> Response:
    """The answer to a probe, `live` or `ready`, with the problems found. Log each problem."""
    for name, problem in found.items():
        log.error(f"not_{word}", extra={"check": name, "problem": problem})
    body = json.dumps({word: not found, "problems": list(found)}).encode()
    return 503 if found else 200, "application/json", body
