"""Answers that are refreshed in the background: no page waits for a silent broker."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from config.actions import ActionRefused
from config.errors.exception_text import summary

T = TypeVar("T")

log = logging.getLogger(__name__)

FRESH_S = 1.0
"""A younger answer is not read again."""

PATIENCE_S = 0.15
"""A page waits this long for a new answer, then it shows the old one. A healthy broker needs a tenth of it."""


@dataclass(frozen=True)
class Latest(Generic[T]):
    """The last answer. `value`: None before the first one. `problem`: why there is none newer."""

    value: T | None = None
    age_s: float | None = None
    problem: str = ""


class CachedQuery(Generic[T]):
    """Runs one query, in one background thread at a time, and only when an answer is needed."""

    def __init__(self, ask: Callable[[], T], name: str, fresh_s: float = FRESH_S) -> None:
        self._ask, self._name, self._fresh_s = ask, name, fresh_s
        self._lock = threading.Lock()
        self._answered = threading.Event()
        self._is_asking = False
        self._value: T | None = None
        self._at: float | None = None
        self._problem = ""
        self._is_old = False

    def expire(self) -> None:
        """The caller has just changed the data: read it again, even if the answer is young."""
        self._is_old = True

    def latest(self, patience_s: float | None = None) -> Latest[T]:
        """The last answer, fresh if possible. Returns within about `patience_s` (PATIENCE_S if None)."""
        age_s = self._age_s()
        if age_s is None or age_s > self._fresh_s or self._problem or self._is_old:
            self._start()
            self._answered.wait(PATIENCE_S if patience_s is None else patience_s)
        return Latest(self._value, self._age_s(), self._problem)

    def _age_s(self) -> float | None:
        return None if self._at is None else time.monotonic() - self._at

    def _start(self) -> None:
        with self._lock:
            if self._is_asking:
                return
            self._is_asking, self._is_old = True, False
            self._answered.clear()
        threading.Thread(target=self._run, name=self._name, daemon=True).start()

    def _run(self) -> None:
        try:
            self._value, self._problem, self._at = self._ask(), "", time.monotonic()
        except Exception as error:  # the page shows any error; a dead thread would report none
            self._problem = str(error) if isinstance(error, ActionRefused) else summary(error)
            log.warning("watch.no_answer", extra={"watch": self._name, "error": self._problem[:200]})
        finally:
            self._is_asking = False
            self._answered.set()
