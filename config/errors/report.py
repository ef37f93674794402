"""The report of one error: which actor or view, which class, and where; with ids, without personal data."""

import logging
import traceback
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from config.errors.exception_text import words_of
from config.errors.scrubbing import ids_of
from config.logging import PACKAGES, event_of, fields_of, view_of

ROOT = Path(__file__).resolve().parents[2]
LIBRARIES = ("site-packages", "dist-packages")
"""Where pip and Debian install."""

NOT_OURS = ("dramatiq", "sentry_sdk", "urllib3.connectionpool")
"""Loggers that are left out: Dramatiq logs every attempt, and we log the last one ourselves."""


class Group(NamedTuple):
    """The group: errors that look the same to their reader."""

    who: str
    error: str
    place: str


@dataclass(frozen=True)
class ErrorReport:
    """An error. The group's `who` is the actor or view that raised it, else the name of the event."""

    group: Group
    event: str
    words: str
    ids: dict[str, str]
    frames: list[str]


def error_in(record: logging.LogRecord) -> BaseException | None:
    """The exception of a record to report; None for all other records."""
    ours = not any(record.name == name or record.name.startswith(f"{name}.") for name in NOT_OURS)
    return record.exc_info[1] if record.exc_info and record.levelno >= logging.ERROR and ours else None


def report_of(record: logging.LogRecord, error: BaseException, secrets: Iterable[str] = ()) -> ErrorReport:
    """The report of this record's error."""
    frames = traceback.extract_tb(error.__traceback__)
    ids = ids_of(fields_of(record))
    event = "request.failed" if hasattr(record, "request") else event_of(record)
    group = Group(ids.get("actor") or view_of(record) or event, type(error).__qualname__, _place(frames))
    return ErrorReport(group, event, words_of(error, secrets), ids, [str_of(frame) for frame in frames])


def str_of(frame: traceback.FrameSummary) -> str:
    """Like `billing/payments/check.py:120 check: return ask(payment)`: code, and no values."""
    return f"{_short(frame.filename)}:{frame.lineno} {frame.name}: {frame.line}"


def _place(frames: list[traceback.FrameSummary]) -> str:
    """The innermost line of ours: a library's line is the same for many different errors."""
    ours = [frame for frame in frames if _is_ours(frame.filename)]
    if not frames:
        return "nowhere"
    frame = (ours or frames)[-1]
    return f"{_short(frame.filename)}:{frame.lineno}"


def _is_ours(filename: str) -> bool:
    """An installed package stands beside the libraries."""
    path = Path(filename)
    if ROOT.name in LIBRARIES:
        return any(path.is_relative_to(ROOT / name) for name in PACKAGES)
    return path.is_relative_to(ROOT) and not any(name in path.parts for name in LIBRARIES)


def _short(filename: str) -> str:
    path = Path(filename)
    if _is_ours(filename):
        return str(path.relative_to(ROOT))
    return filename.rpartition("-packages/")[2]
