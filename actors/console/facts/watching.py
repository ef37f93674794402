"""Answers of others, kept fresh in the background: no page waits for a broker that is silent."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")

log = logging.getLogger(__name__)

FRESH_S = 1.0
"""An answer this young is not asked for again."""

PATIENCE_S = 0.15
"""So long a page waits for a new answer, which a healthy broker gives in a tenth of that; then it shows the old one."""


@dataclass(frozen=True)
class Known(Generic[T]):
    """The last answer. `value` is None if there was none yet; `problem` says why there is no newer one."""

    value: T | None = None
    age_s: float | None = None
    problem: str = ""


class Watch(Generic[T]):
    """Asks one question, in one background thread at a time, and only while somebody wants to know."""

    def __init__(self, ask: Callable[[], T], name: str) -> None:
        self._ask, self._name = ask, name
        self._lock = threading.Lock()
        self._answered = threading.Event()
        self._is_asking = False
        self._value: T | None = None
        self._at: float | None = None
        self._problem = ""
        self._is_old = False

    def ask_anew(self) -> None:
        """We have just changed what it knows: its answer, however young, is asked for again."""
        self._is_old = True

    def latest(self) -> Known[T]:
        """What is known, if possible not older than FRESH_S; returns within about PATIENCE_S."""
        age_s = self._age_s()
        if age_s is None or age_s > FRESH_S or self._problem or self._is_old:
            self._start_asking()
            self._answered.wait(PATIENCE_S)
        return Known(self._value, self._age_s(), self._problem)

    def _age_s(self) -> float | None:
        return None if self._at is None else time.monotonic() - self._at

    def _start_asking(self) -> None:
        with self._lock:
            if self._is_asking:
                return
            self._is_asking, self._is_old = True, False
            self._answered.clear()
        threading.Thread(target=self._run, name=self._name, daemon=True).start()

    def _run(self) -> None:
        try:
            self._value, self._problem, self._at = self._ask(), "", time.monotonic()
        except Exception as error:  # whatever it is, the page says it, and a thread that died would tell nobody
            self._problem = str(error) or type(error).__name__
            log.warning("watch.no_answer", extra={"watch": self._name, "error": self._problem[:200]})
        finally:
            self._is_asking = False
            self._answered.set()
