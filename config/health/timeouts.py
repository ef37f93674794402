"""Runs a check with a timeout. A hung database would block the caller forever."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field

CHECK_TIMEOUT_S = 5.0


@dataclass
class CheckWithTimeout:
    """Runs a check in its own thread, one at a time. Callers wait up to CHECK_TIMEOUT_S.

    While one run hangs, all callers wait for its answer, so no threads pile up.
    """

    check: Callable[[], str | None]
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _result: "Future[str | None] | None" = None

    def __call__(self) -> str | None:
        """Returns the check's answer, or a sentence if there is none in time."""
        try:
            return self._current().result(CHECK_TIMEOUT_S)
        except TimeoutError:
            return f"there was no answer within {CHECK_TIMEOUT_S:g} s"

    def _current(self) -> "Future[str | None]":
        with self._lock:
            if self._result is None or self._result.done():
                self._result = Future()
                threading.Thread(target=self._run, args=(self._result,), name="check", daemon=True).start()
            return self._result

    def _run(self, result: "Future[str | None]") -> None:
        try:
            result.set_result(self.check())
        except Exception as error:
            result.set_exception(error)
