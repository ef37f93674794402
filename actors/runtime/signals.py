"""Waits for a stop signal."""

import queue
import signal


def stop_signal() -> "queue.SimpleQueue[int]":
    """Return a queue that gets Ctrl-C and SIGTERM from now on; `get()` waits for the first of them.

    A threading.Event would not do: its lock is not reentrant. A signal that comes just before the main thread waits for
    the event would hang the process.
    """
    told: queue.SimpleQueue[int] = queue.SimpleQueue()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, _frame: told.put(received))
    return told
