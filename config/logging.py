"""Logs: one event per line, with the ids to search for.

An event has a constant name (`payment.succeeded`) and its data in fields (`extra={"payment": 17}`), ids and not
objects. In production a line is one JSON object, in development a readable sentence. `log_context` adds the order,
payment and message in work to everything that the thread logs. Each output has its own thread and a bounded queue:
work never waits for the log.
"""

import contextvars
import io
import json
import logging
import logging.handlers
import multiprocessing
import os
import select
import sys
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from multiprocessing.util import Finalize
from types import MappingProxyType
from typing import Any

from config.background import Background
from config.metrics.registry import counter

_context: contextvars.ContextVar[Mapping[str, Any]] = contextvars.ContextVar("about", default=MappingProxyType({}))

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "request"}
_COLOURS = {"WARNING": "\033[33m", "ERROR": "\033[31m", "CRITICAL": "\033[31m"}
_PLAIN = "\033[0m"

QUEUE_LINES = 1_000
"""Lines that may wait for an output, about 300 kB; with nothing but tracebacks 5 MB."""

BATCH_LINES = 64

WRITE_BYTES = 4_000
"""A pipe keeps a write of up to 4,096 bytes together (PIPE_BUF); Dramatiq's pipe adds a length."""

GIVE_WAY_S = 0.01
END_S = 1.0

DROPPED_TOTAL = counter(
    "tillkeeper_log_lines_dropped_total",
    "Log lines that were dropped because their output (console, file) did not take them.",
    "output",
)


@contextmanager
def log_context(**ids: Any) -> Iterator[None]:
    """Add these ids to every log line inside the block."""
    token = _context.set({**_context.get(), **ids})
    try:
        yield
    finally:
        _context.reset(token)


def context_ids() -> Mapping[str, Any]:
    """The ids that `log_context` has set in this thread."""
    return _context.get()


def fields_of(record: logging.LogRecord) -> dict[str, Any]:
    """The data of this event, then the ids of `log_context`."""
    own = {name: value for name, value in vars(record).items() if name not in _STANDARD}
    return own | {name: value for name, value in _context.get().items() if name not in own}


class JsonLines(logging.Formatter):
    """One JSON object a line: `at` (UTC), `level`, `event`, `logger`, the fields, and the traceback if there is one."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            "logger": record.name,
        }
        line |= {name: value for name, value in fields_of(record).items() if name not in line}
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str, ensure_ascii=False)


class Readable(logging.Formatter):
    """`12:30:05 payment.succeeded  payment=17 order=…`; the level stands before the event if something is wrong.

    Message ids are left out: only a search needs them.
    """

    coloured = True

    def format(self, record: logging.LogRecord) -> str:
        clock = datetime.fromtimestamp(record.created).astimezone().strftime("%H:%M:%S")
        fields = " ".join(
            f"{name}={_one_line(value)}" for name, value in fields_of(record).items() if name != "message"
        )
        line = f"{clock} {self._coloured(record)}  {fields}".rstrip()
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line

    def _coloured(self, record: logging.LogRecord) -> str:
        level = f"{record.levelname} " if record.levelno >= logging.WARNING else ""
        event = f"{level + _one_line(record.getMessage()):<24}"
        colour = _COLOURS.get(record.levelname, "") if self.coloured and sys.stderr.isatty() else ""
        return f"{colour}{event}{_PLAIN}" if colour else event


class Plain(Readable):
    """The same without colours, for a file."""

    coloured = False


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
        except Exception:
            self.handleError(record)

    def flush(self) -> None:
        self.lines.flush(END_S)

    def line(self, record: logging.LogRecord) -> bytes:
        return f"{self.format(record)}\n".encode(self.encoding, self.errors)

    @abstractmethod
    def write(self, data: bytes) -> None:
        """Write whole lines; may block and raise."""


class Console(Output):
    """Standard error, or the pipe that Dramatiq puts in its place."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self.encoding = getattr(stream, "encoding", None) or self.encoding
        super().__init__("console")

    def write(self, data: bytes) -> None:
        """Without the stream's own lock, which a blocked write would keep beyond the end of the process."""
        if isinstance(self._stream, io.TextIOWrapper):
            _write_whole(self._stream.fileno(), data)
        else:
            self._stream.write(data.decode(self.encoding))


class SharedFile(Output):
    """Append lines to a file that several processes share. Open it again after logrotate has renamed it.

    Each write has whole lines and goes to a file opened with O_APPEND, so lines of two processes never mix. Trouble
    with the file (a full disk, a lost directory) is reported once on standard error.
    """

    def __init__(self, filename: str) -> None:
        super().__init__("file")
        self._file = logging.handlers.WatchedFileHandler(filename, delay=True)
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
    """Write all of it, also if another program has made the descriptor non-blocking."""
    left = memoryview(data)
    while left:
        try:
            left = left[os.write(descriptor, left) :]
        except BlockingIOError:
            select.select([], [descriptor], [])


def configuration(style: str, level: str, file: str = "") -> dict[str, Any]:
    """Return Django's LOGGING: all lines go to standard error, and to the file if one is set.

    Libraries log only when something is wrong.
    """
    formatter = {"json": "config.logging.JsonLines", "readable": "config.logging.Readable"}[style]
    to_file = {"class": "config.logging.SharedFile", "filename": file, "formatter": "file"}
    quiet = ("dramatiq", "pika", "periodiq", "waitress", "urllib3", "django.server")
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "lines": {"()": formatter},
            "file": {"()": formatter if style == "json" else "config.logging.Plain"},
        },
        "handlers": {
            "stderr": {"class": "config.logging.Console", "stream": "ext://sys.stderr", "formatter": "lines"},
            "error_mails": {"class": "config.errors.mails.ErrorMails", "level": "ERROR"},
            **({"file": to_file} if file else {}),
        },
        "root": {"handlers": ["stderr", "error_mails", *["file"] * bool(file)], "level": level},
        "loggers": {
            **{name: {"level": "WARNING"} for name in quiet},
            "django": {"handlers": [], "level": "WARNING", "propagate": True},
            # A wrong address or a sold-out product is not our fault; a 5xx is.
            "django.request": {"level": "ERROR"},
            # Dramatiq logs every message that was too old; after an hour without workers those are thousands.
            "dramatiq.worker.WorkerThread": {"level": "ERROR"},
            # pika logs every step of a refused connection; our publisher and consumers log it once.
            "pika": {"level": "CRITICAL"},
        },
    }


def _one_line(value: Any) -> str:
    """A value as one printable word: line breaks and control characters from outside must not forge a line."""
    text = str(value)
    if all(character.isprintable() for character in text) and " " not in text:
        return text
    return text if text.isprintable() and '"' not in text and "=" not in text else json.dumps(text, ensure_ascii=True)
