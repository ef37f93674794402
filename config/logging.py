"""Logs: one event per line, with the ids to search for.

An event has a constant name (`payment.succeeded`) and its data in fields (`extra={"payment": 17}`), ids and not
objects. In production a line is one JSON object, in development a readable sentence. `log_context` adds the order,
payment and message in work to everything that the thread logs. The outputs are in config/log_outputs.py.
"""

import contextvars
import json
import logging
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, TextIO

_context: contextvars.ContextVar[Mapping[str, Any]] = contextvars.ContextVar("about", default=MappingProxyType({}))

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "request"}
_COLOURS = {"WARNING": "\033[33m", "ERROR": "\033[31m", "CRITICAL": "\033[31m"}
_PLAIN = "\033[0m"


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
        colour = _COLOURS.get(record.levelname, "") if self.coloured and _is_terminal(sys.__stderr__) else ""
        return f"{colour}{event}{_PLAIN}" if colour else event


class Plain(Readable):
    """The same without colours, for a file."""

    coloured = False


def configuration(style: str, level: str, file: str = "") -> dict[str, Any]:
    """Return Django's LOGGING: all lines go to standard error, and to the file if one is set.

    Libraries log only when something is wrong.
    """
    formatter = {"json": "config.logging.JsonLines", "readable": "config.logging.Readable"}[style]
    to_file = {"class": "config.log_outputs.SharedFile", "filename": file, "formatter": "file"}
    quiet = ("dramatiq", "pika", "periodiq", "waitress", "urllib3", "django.server")
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "lines": {"()": formatter},
            "file": {"()": formatter if style == "json" else "config.logging.Plain"},
        },
        "handlers": {
            "stderr": {"class": "config.log_outputs.Console", "stream": "ext://sys.stderr", "formatter": "lines"},
            "error_mails": {"class": "config.errors.mails.ErrorMails", "level": "ERROR"},
            **({"file": to_file} if file else {}),
        },
        "root": {"handlers": ["stderr", "error_mails", *["file"] * bool(file)], "level": level},
        "loggers": {
            **{name: {"level": "WARNING"} for name in quiet},
            "django": {"handlers": [], "level": "WARNING", "propagate": True},
            # A wrong address or a sold-out product is not our fault; a 5xx is.
            "django.request": {"level": "ERROR"},
            # LOG_LEVEL does not hide who logged in.
            "security": {"level": "INFO"},
            # As in actors/apps.py: a second configuration resets all loggers below those that it names.
            "dramatiq.worker.WorkerThread": {"level": "ERROR"},
            # pika logs every step of a refused connection; our publisher and consumers log it once.
            "pika": {"level": "CRITICAL"},
        },
    }


def _is_terminal(stream: TextIO | None) -> bool:
    return stream is not None and stream.isatty()


def _one_line(value: Any) -> str:
    """A value as one printable word: line breaks and control characters from outside must not forge a line."""
    text = str(value)
    if all(character.isprintable() for character in text) and " " not in text:
        return text
    return text if text.isprintable() and '"' not in text and "=" not in text else json.dumps(text, ensure_ascii=True)
