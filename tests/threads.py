"""Real threads, for what happens at the same time."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from django.db import connections

from tests.stack.ports import HANG_S

T = TypeVar("T")


def at_once(*works: Callable[[], T]) -> list[T]:
    """Start all of them in the same moment, each in a thread and on a database connection of its own."""
    start = threading.Barrier(len(works))

    def run(work: Callable[[], T]) -> T:
        start.wait(HANG_S)
        return in_thread(work)

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(run, works))


def in_thread(work: Callable[..., T], *args: Any) -> T:
    """What a thread of a test does: its database connection is its own, and ends with the work."""
    try:
        return work(*args)
    finally:
        connections.close_all()
