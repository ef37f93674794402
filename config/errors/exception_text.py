"""Exceptions as text: class, place and code, and of their words only what is not personal (`config.errors.scrubbing`).

A database error quotes the row, an SMTP error the recipient, a ValueError its input. Their words can go to:

* log lines of ours and of libraries, on standard error and in files: `config.logging`;
* gunicorn's own log: deploy/gunicorn.conf.py;
* standard error, at the end of a process or of a thread: `config.errors.uncaught`;
* error mails and Sentry: `config.errors.report` and `config.errors.sentry`;
* rows of the job history, and from there console and commands: `actors.runtime.history`, `actors.models`;
* the one sentence of a command: `config.cli.command`;
* messages in RabbitMQ: nowhere. `config.messaging.broker` leaves out the traceback that Dramatiq adds.

All of them take their text from here. Frames show code as it stands in the file, and no values.
"""

import re
import traceback
from collections.abc import Iterable, Iterator
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import Error

from config.errors.scrubbing import known_secrets, scrubbed, without

MAX_CHAIN_LINKS = 20
"""Links of a chain of exceptions that are shown, and members of a group."""

_HEAD = "Traceback (most recent call last):"
_CAUSE = "The above exception was the direct cause of the following exception:"
_CONTEXT = "During handling of the above exception, another exception occurred:"
_MEMBER = "  | "

_FACTS = {"constraint": "constraint_name", "table": "table_name", "column": "column_name"}
"""What PostgreSQL names beside its words: names from our migrations."""

_FILE = '  File "'
_CODE = re.compile(r'  File "[^"]+", line \d+, in \S+|    .*|  \[Previous line repeated \d+ more times?\]')
_MARGIN = re.compile(r"^((?:  \| )*)(.*)$", re.MULTILINE)
_SUMMARY = re.compile(r"([A-Za-z_][\w.]*)(?:: (.*?)( \(SQLSTATE \w{5}(?:, (?:constraint|table|column) \w+)*\))?)?")


def words_of(error: BaseException, secrets: Iterable[str] | None = None) -> str:
    """The scrubbed words of an exception, with the names that PostgreSQL gives beside them."""
    try:
        text = str(error)
    except Exception:  # an exception of a library may fail here too
        text = ""
    hidden = _secrets() if secrets is None else secrets
    if isinstance(error, ImproperlyConfigured):  # about settings and code, and of no use without their names
        return without(text, hidden)
    return scrubbed(text, hidden) + _database_facts(error)


def summary(error: BaseException, secrets: Iterable[str] | None = None) -> str:
    """Class and words, like `ValueError: invalid literal for int() with base 10: ***`."""
    return f"{type(error).__qualname__}: {words_of(error, secrets)}".rstrip(": ")


def trace(error: BaseException) -> str:
    """The exception, those before it and those in its group, as Python writes them; without personal words."""
    return "\n".join(_lines(error, set(), _secrets()))


def scrubbed_summary(line: str) -> str:
    """A stored summary, perhaps written by a release that kept all words. A scrubbed one stays as it is."""
    found = _SUMMARY.fullmatch(line)
    name, words, facts = found.groups() if found else ("", line, "")
    return ": ".join(filter(None, [name, scrubbed(words or "")])) + (facts or "")


def scrubbed_trace(text: str) -> str:
    """The same for a stored trace. Lines that are neither frames nor summaries are words, and are left out."""
    kept: list[str] = []
    is_in_frames = False
    for margin, line in _MARGIN.findall(text):
        if line in (_HEAD, _CAUSE, _CONTEXT, "") or _CODE.fullmatch(line):
            is_cut_off = not kept and line.startswith(_FILE)  # the start of a stored trace is missing
            is_in_frames = is_in_frames or is_cut_off or line == _HEAD
            if is_in_frames or not line.startswith("  "):
                kept.append(margin + line)
        elif is_in_frames and _SUMMARY.match(line):
            is_in_frames = False
            kept.append(margin + scrubbed_summary(line))
    return "\n".join(kept).rstrip("\n")


def _lines(error: BaseException, seen: set[int], secrets: Iterable[str]) -> Iterator[str]:
    seen.add(id(error))
    before, why = (error.__cause__, _CAUSE) if error.__cause__ else (error.__context__, _CONTEXT)
    hidden = error.__suppress_context__ and why == _CONTEXT
    if before is not None and not hidden and id(before) not in seen and len(seen) < MAX_CHAIN_LINKS:
        yield from (*_lines(before, seen, secrets), "", why, "")
    yield from (_HEAD, *"".join(traceback.format_tb(error.__traceback__)).splitlines())
    yield summary(error, secrets)
    for member in error.exceptions if isinstance(error, BaseExceptionGroup) else ():
        if len(seen) < MAX_CHAIN_LINKS:
            yield from (_MEMBER + line for line in _lines(member, seen, secrets))


def _database_facts(error: BaseException) -> str:
    """The error's code and names. Django's error has them in its cause."""
    said: Any = getattr(error.__cause__ if isinstance(error, Error) else error, "diag", None)
    if said is None or not said.sqlstate:
        return ""
    named = [f"{what} {name}" for what, field in _FACTS.items() if (name := getattr(said, field, None))]
    return f" ({', '.join([f'SQLSTATE {said.sqlstate}', *named])})"


def _secrets() -> Iterable[str]:
    """None before the settings are valid."""
    return known_secrets() if settings.configured else ()
