"""Signs of life: what may be wrong with a process, told to everybody who watches it.

Each process brings checks of two kinds. It is *live* while its own loops come round: if not, start it again. It is
*ready* while what it needs is there: if not, send it no work, but to start it again would not help. Probes ask for both
over HTTP; systemd hears READY once the process is ready, and WATCHDOG only as long as it is live.
"""

import json
import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from config.health.server import Response
from config.health.systemd import notify, watchdog_s

log = logging.getLogger(__name__)

HealthCheck = Callable[[], str | None]
"""What is wrong, in a sentence; None if nothing is."""

CHECK_EVERY_S = 1.0
"""So often a process looks at itself, or three times in each period of systemd's watchdog."""

STARTING_S = 60
"""So much more time systemd is asked for with each look of a process that is live and waits for what it needs."""


@dataclass(frozen=True)
class ProcessHealth:
    """The checks of one process, by name. Everybody is told names; the sentences, with addresses, are for the log."""

    live: Mapping[str, HealthCheck]
    ready: Mapping[str, HealthCheck]

    def routes(self) -> dict[str, Callable[[], Response]]:
        """For `config.health.server.serve`. What is not live is not ready either."""
        return {
            "/healthz": lambda: _answer("live", problems(self.live)),
            "/readyz": lambda: _answer("ready", problems({**self.live, **self.ready})),
        }

    def tell(self, name: str) -> Callable[[], None]:
        """From now on, in a thread: tell systemd, and the log when something changes. `name` stands in the log.

        Returns what ends it; otherwise it ends with the process.
        """
        teller = _Reporter(name, self)
        threading.Thread(target=teller.run, name="signs", daemon=True).start()
        return teller.told_to_stop.set


def problems(checks: Mapping[str, HealthCheck]) -> dict[str, str]:
    """The sentences of the checks that found something. A check that fails itself is a problem too."""
    found = {name: _asked(check) for name, check in checks.items()}
    return {name: problem for name, problem in found.items() if problem}


class _Reporter:
    def __init__(self, name: str, signs: ProcessHealth) -> None:
        self._name, self._signs = name, signs
        self.told_to_stop = threading.Event()
        self._was_ready = False
        self._stalled: dict[str, str] = {}
        self._every_s = min(CHECK_EVERY_S, (watchdog_s() or 3 * CHECK_EVERY_S) / 3)

    def run(self) -> None:
        """Until it is told to stop."""
        while not self.told_to_stop.is_set():
            self._look()
            self.told_to_stop.wait(self._every_s)

    def _look(self) -> None:
        stalled = problems(self._signs.live)
        if stalled.keys() != self._stalled.keys():
            self._log_change(stalled)
        self._stalled = stalled
        if stalled:
            return
        notify("WATCHDOG=1")
        if not self._was_ready:
            self._look_whether_ready()

    def _look_whether_ready(self) -> None:
        missing = problems(self._signs.ready)
        self._was_ready = not missing
        if missing:
            notify(f"STATUS=waiting: {', '.join(missing)}", f"EXTEND_TIMEOUT_USEC={STARTING_S * 1_000_000}")
        else:
            notify("READY=1", "STATUS=ready")
            log.info(f"{self._name}.ready")

    def _log_change(self, stalled: Mapping[str, str]) -> None:
        notify(f"STATUS=stalled: {', '.join(stalled)}" if stalled else "STATUS=goes on again")
        if not stalled:
            log.warning(f"{self._name}.goes_on")
        for check, problem in stalled.items():
            log.error(f"{self._name}.stalled", extra={"check": check, "problem": problem})


def _answer(word: str, found: Mapping[str, str]) -> Response:
    for name, problem in found.items():
        log.error(f"not_{word}", extra={"check": name, "problem": problem})
    body = json.dumps({word: not found, "problems": list(found)}).encode()
    return 503 if found else 200, "application/json", body


def _asked(check: HealthCheck) -> str | None:
    try:
        return check()
    except Exception as error:
        log.exception("check.failed")
        return f"the check itself failed ({type(error).__name__})"
