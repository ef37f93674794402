"""Waiting to be told to stop."""

import queue
import signal


def stop_signal() -> "queue.SimpleQueue[int]":
    """From now on Ctrl-C and SIGTERM arrive in this queue; `get()` waits for the first of them.

    A threading.Event would not do: its lock is not reentrant, so a signal that comes while the main thread is about to
    wait for the event would hang the process for good.
    """
    told: queue.SimpleQueue[int] = queue.SimpleQueue()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, _frame: told.put(received))
    return told
