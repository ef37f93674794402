"""Where log lines go: standard error and a file, each with a thread of its own and a bounded queue.

Work never waits for the log. Lines that an output does not take are dropped and counted.
"""

import io
import logging
import logging.handlers
import multiprocessing
import os
import select
import sys
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from multiprocessing.util import Finalize
from typing import Any

from config.background import Background
from config.errors import uncaught
from config.metrics.registry import counter

QUEUE_LINES = 1_000
"""Lines that may wait for an output, about 300 kB; with nothing but tracebacks 5 MB."""

BATCH_LINES = 64

WRITE_BYTES = 4_096
"""A pipe keeps a write of up to so many bytes together (PIPE_BUF)."""

GIVE_WAY_S = 0.01
END_S = 1.0

DROPPED_TOTAL = counter(
    "tillkeeper_log_lines_dropped_total",
    "Log lines that were dropped because their output (console, file) did not take them.",
    "output",
)


class Lines(Background[bytes]):
    """The lines that wait for one output, and the thread that writes them.

    A full queue drops new lines. The output says how many as soon as it has caught up.
    """

    def __init__(self, output: "Output") -> None:
        self._output = output
        self._counting = threading.RLock()  # a signal handler may log while its thread counts
        self._reported = 0
        super().__init__(f"log {output.label}", QUEUE_LINES, BATCH_LINES)

    def begin(self) -> None:
        super().begin()
        self._counting = threading.RLock()
        self._is_stuck = False

    def offer(self, item: bytes) -> None:
        """If the queue is full, give the writer one chance: a busy thread keeps the interpreter from it. A reader that
        hangs costs this pause once."""
        if len(self._waiting) >= self.size and not self._is_stuck:
            time.sleep(GIVE_WAY_S)
            self._is_stuck = len(self._waiting) >= self.size
        super().offer(item)

    def work(self, items: list[bytes]) -> bool:
        written = [self._write(lines) for lines in _writes(items)]
        if len(self._waiting) <= len(items):  # it has caught up
            self._is_stuck = False
            if written[-1] and (lost := self.dropped - self._reported):
                self._report(lost)
        return True

    def drop(self, items: int, why: str) -> None:
        with self._counting:
            super().drop(items, why)
        DROPPED_TOTAL.labels(self._output.label).inc(items)

    def _write(self, lines: list[bytes]) -> bool:
        """Lines that cannot be written are dropped: the reader has gone, the disk is full."""
        try:
            self._output.write(b"".join(lines))
        except Exception as error:
            self.drop(len(lines), type(error).__name__)
            return False
        return True

    def _report(self, lost: int) -> None:
        about = {"name": __name__, "msg": "log.dropped", "levelno": logging.WARNING, "levelname": "WARNING"}
        if self._write([self._output.line(logging.makeLogRecord({**about, "lines": lost}))]):
            self._reported += lost


class Output(logging.Handler, ABC):
    """Writes lines from a thread of its own, so that no work waits for a reader that hangs or a disk that is full.

    The thread that logs makes the line, with its ids and its traceback. The end of the process waits up to END_S for
    the last lines.
    """

    encoding, errors = "utf-8", "backslashreplace"

    def __init__(self, label: str) -> None:
        super().__init__()
        self.label = label
        self.lines = Lines(self)
        if multiprocessing.parent_process():  # such a process ends without atexit
            Finalize(None, self.flush, exitpriority=0)

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self.lines.offer(self.line(record))
        except Exception as error:
            uncaught.in_a_log_handler(error)

    def flush(self) -> None:
        self.lines.flush(END_S)

    def line(self, record: logging.LogRecord) -> bytes:
        return f"{self.format(record)}\n".encode(self.encoding, self.errors)

    @abstractmethod
    def write(self, data: bytes) -> None:
        """Write whole lines; may block and raise."""


class Console(Output):
    """Standard error. Dramatiq puts a pipe to its master in its place, and the master counts no dropped lines."""

    def __init__(self, stream: Any) -> None:
        self._stream: Any = stream if isinstance(stream, io.TextIOWrapper) else sys.__stderr__
        self.encoding = getattr(self._stream, "encoding", None) or self.encoding
        super().__init__("console")

    def write(self, data: bytes) -> None:
        """Without the stream's own lock, which a blocked write would keep beyond the end of the process."""
        _write_whole(self._stream.fileno(), data)


class PrivateFile(logging.handlers.WatchedFileHandler):
    """A new file is for its owner only, whatever the umask is: a log tells what customers do."""

    def _open(self) -> io.TextIOWrapper:
        return open(self.baseFilename, "a", opener=lambda path, flags: os.open(path, flags, 0o600))


class SharedFile(Output):
    """Append lines to a file that several processes share. Open it again after logrotate has renamed it.

    Each write has whole lines and goes to a file opened with O_APPEND, so lines of two processes never mix. Trouble
    with the file (a full disk, a lost directory) is reported once on standard error.
    """

    def __init__(self, filename: str) -> None:
        super().__init__("file")
        self._file = PrivateFile(filename, delay=True)
        self._is_in_trouble = False

    def write(self, data: bytes) -> None:
        try:
            self._file.reopenIfNeeded()
            self._file.stream = self._file.stream or self._file._open()
            _write_whole(self._file.stream.fileno(), data)
        except Exception as error:
            self._say_once(error)
            raise
        self._is_in_trouble = False

    def _say_once(self, error: Exception) -> None:
        if not self._is_in_trouble:
            said = f"The log file {self._file.baseFilename} cannot be written: {error}\n"
            for console in _outputs():
                if isinstance(console, Console):
                    console.lines.offer(said.encode(console.encoding, console.errors))
        self._is_in_trouble = True


def dropped_lines() -> int:
    """Lines that the outputs of this process have dropped since its start."""
    return sum(output.lines.dropped for output in _outputs())


def flush() -> None:
    """Wait up to END_S for each output to write its last lines."""
    for output in _outputs():
        output.flush()


def _outputs() -> list[Output]:
    return [handler for handler in logging.getLogger().handlers if isinstance(handler, Output)]


def _writes(lines: list[bytes]) -> Iterator[list[bytes]]:
    """Group lines into writes: a pipe takes up to WRITE_BYTES at once, a longer line goes alone."""
    some: list[bytes] = []
    size = 0
    for line in lines:
        if some and size + len(line) > WRITE_BYTES:
            yield some
            some, size = [], 0
        some.append(line)
        size += len(line)
    if some:
        yield some


def _write_whole(descriptor: int, data: bytes) -> None:
    """Write all of it, also to a descriptor that does not block."""
    left = memoryview(data)
    while left:
        try:
            left = left[os.write(descriptor, left) :]
        except BlockingIOError:
            select.select([], [descriptor], [])
