"""Work that its caller must not wait for: a bounded queue and one thread per process.

`offer` never blocks and never raises. If the queue is full, the item is dropped and counted. A forked process begins
with an empty queue and its own thread. `flush` drains the queue at the end of a process.
"""

import logging
import os
import threading
import time
from abc import ABC, abstractmethod
from collections import deque
from typing import Generic, TypeVar

log = logging.getLogger(__name__)

Item = TypeVar("Item")


class Background(ABC, Generic[Item]):
    """Subclasses define `work`, which gets up to `batch` items at a time, oldest first.

    The thread wakes up when a batch waits, and every `every_s` seconds. Without `every_s` it wakes up for each item.
    """

    def __init__(self, name: str, size: int, batch: int = 1, every_s: float | None = None) -> None:
        self.name, self.size, self.batch, self.every_s = name, size, batch, every_s
        self.dropped = 0
        self.begin()
        os.register_at_fork(after_in_child=self.begin)

    def begin(self) -> None:
        """Start empty: in a new process, and after a fork, which copies the object but not its thread."""
        self._waiting: deque[Item] = deque()
        self._enough, self._lock = threading.Event(), threading.Lock()
        self._thread: threading.Thread | None = None

    def offer(self, item: Item) -> None:
        """Hand over an item; it is dropped and counted if the queue is full."""
        self._ensure_thread()
        if len(self._waiting) >= self.size:
            return self.drop(1, "full")
        self._waiting.append(item)
        if (len(self._waiting) >= self.batch or self.every_s is None) and not self._enough.is_set():
            self._enough.set()
        return None

    def flush(self, timeout_s: float) -> None:
        """Wait until all items so far are worked on or dropped, up to `timeout_s`."""
        deadline = time.monotonic() + timeout_s
        while self._waiting and time.monotonic() < deadline:
            self._enough.set()
            time.sleep(0.01)

    @abstractmethod
    def work(self, items: list[Item]) -> bool:
        """Work on these items, or on none after `every_s`. Returns False if they must wait for another `every_s`."""

    def drop(self, items: int, _why: str) -> None:
        """Count items that are not worked on."""
        self.dropped += items

    def _ensure_thread(self) -> None:
        """Start the thread with the first item: an idle process needs none."""
        if self._thread is None:
            with self._lock:
                if self._thread is None:
                    thread = threading.Thread(target=self._run, name=self.name, daemon=True)
                    thread.start()  # raises at the end of the process
                    self._thread = thread

    def _run(self) -> None:
        while True:
            self._enough.wait(self.every_s)
            self._enough.clear()
            if not self._drain():
                time.sleep(self.every_s or 0)

    def _drain(self) -> bool:
        """Only this thread removes items, and only after the work: an item in work still counts as waiting."""
        if not self._waiting:
            return self._work([]) if self.every_s else True
        while items := [self._waiting[number] for number in range(min(self.batch, len(self._waiting)))]:
            if not self._work(items):
                return False
            for _ in items:
                self._waiting.popleft()
        return True

    def _work(self, items: list[Item]) -> bool:
        """An exception in `work` costs its items, not the thread."""
        try:
            return self.work(items)
        except Exception as error:
            log.exception("background.failed", extra={"queue": self.name, "items": len(items)})
            if items:
                self.drop(len(items), type(error).__name__)
            return True
