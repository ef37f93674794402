"""A queue of items that are due later, shared by several threads."""

import heapq
import threading
import time
from collections.abc import Callable
from itertools import count
from typing import Generic, TypeVar

T = TypeVar("T")


class DelayQueue(Generic[T]):
    """Hands out each item once, to one thread, not before it is due (Unix seconds)."""

    def __init__(self, due: Callable[[T], float]) -> None:
        self._due, self._numbers = due, count()
        self._heap: list[tuple[float, int, T]] = []
        self._changed, self._closed = threading.Condition(), False

    def __len__(self) -> int:
        return len(self._heap)

    def put(self, item: T) -> None:
        with self._changed:
            heapq.heappush(self._heap, (self._due(item), next(self._numbers), item))
            self._changed.notify()

    def take(self) -> T | None:
        """Wait for the next due item; None once the queue is closed."""
        with self._changed:
            while not self._closed and not self._is_due():
                self._changed.wait(self._seconds_left())
            if self._closed:
                return None
            *_, item = heapq.heappop(self._heap)
            self._changed.notify()  # this thread is busy now: another one must wait for the next item
            return item

    def pull(self, wanted: Callable[[T], bool]) -> list[T]:
        """Remove all wanted items, due or not, earliest first."""
        with self._changed:
            found = [entry for entry in sorted(self._heap, key=lambda each: each[:2]) if wanted(entry[2])]
            self._heap = [entry for entry in self._heap if not wanted(entry[2])]
            heapq.heapify(self._heap)
            return [item for *_, item in found]

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _is_due(self) -> bool:
        return bool(self._heap) and self._heap[0][0] <= time.time()

    def _seconds_left(self) -> float | None:
        return max(self._heap[0][0] - time.time(), 0) if self._heap else None
