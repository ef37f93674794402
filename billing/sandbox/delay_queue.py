"""A waiting room for things that are due later, shared by several threads."""

import heapq
import threading
import time
from collections.abc import Callable
from itertools import count
from typing import Generic, TypeVar

T = TypeVar("T")


class DelayQueue(Generic[T]):
    """Hands out each thing once, to one thread, not before it is due (Unix seconds)."""

    def __init__(self, due: Callable[[T], float]) -> None:
        self._due, self._numbers = due, count()
        self._heap: list[tuple[float, int, T]] = []
        self._changed, self._closed = threading.Condition(), False

    def __len__(self) -> int:
        return len(self._heap)

    def put(self, thing: T) -> None:
        with self._changed:
            heapq.heappush(self._heap, (self._due(thing), next(self._numbers), thing))
            self._changed.notify()

    def take(self) -> T | None:
        """Waits for the next due thing; None once the room is closed."""
        with self._changed:
            while not self._closed and not self._is_due():
                self._changed.wait(self._seconds_left())
            if self._closed:
                return None
            *_, thing = heapq.heappop(self._heap)
            self._changed.notify()  # this thread is busy now: somebody else must watch the next one
            return thing

    def pull(self, wanted: Callable[[T], bool]) -> list[T]:
        """Takes out everything wanted, due or not, the earliest first."""
        with self._changed:
            found = [entry for entry in sorted(self._heap, key=lambda each: each[:2]) if wanted(entry[2])]
            self._heap = [entry for entry in self._heap if not wanted(entry[2])]
            heapq.heapify(self._heap)
            return [thing for *_, thing in found]

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _is_due(self) -> bool:
        return bool(self._heap) and self._heap[0][0] <= time.time()

    def _seconds_left(self) -> float | None:
        return max(self._heap[0][0] - time.time(), 0) if self._heap else None
