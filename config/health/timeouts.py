"""A question whose answer may never come: a database that hangs keeps whoever asks it waiting without end."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field

CHECK_TIMEOUT_S = 5.0


@dataclass
class CheckWithTimeout:
    """A check that is asked in a thread of its own, one at a time, and not waited for longer than ANSWER_WITHIN_S.

    While one question hangs, everybody who asks waits for the same answer, so no threads pile up.
    """

    check: Callable[[], str | None]
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _asked: "Future[str | None] | None" = None

    def __call__(self) -> str | None:
        """What the check says; or that it says nothing."""
        try:
            return self._question().result(CHECK_TIMEOUT_S)
        except TimeoutError:
            return f"there was no answer within {CHECK_TIMEOUT_S:g} s"

    def _question(self) -> "Future[str | None]":
        with self._lock:
            if self._asked is None or self._asked.done():
                self._asked = Future()
                threading.Thread(target=self._ask, args=(self._asked,), name="question", daemon=True).start()
            return self._asked

    def _ask(self, answer: "Future[str | None]") -> None:
        try:
            answer.set_result(self.check())
        except Exception as error:
            answer.set_exception(error)
