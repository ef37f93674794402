"""Exceptions that nothing catches: Python itself writes them to standard error, with all their words."""

import sys
import threading
from types import TracebackType
from typing import Any

from config.errors.exception_text import trace


def hide_words() -> None:
    """From now on this process writes them as the log does. A hook of another program stays."""
    if sys.excepthook is sys.__excepthook__:
        sys.excepthook = _at_the_end
    if threading.excepthook is threading.__excepthook__:
        threading.excepthook = _in_a_thread
    if sys.unraisablehook is sys.__unraisablehook__:
        sys.unraisablehook = _in_a_destructor


def in_a_log_handler(error: Exception) -> None:
    """Instead of logging's own `handleError`, which also writes the arguments of the line."""
    print(f"A log line could not be written:\n{trace(error)}", file=sys.stderr)


def _at_the_end(kind: type[BaseException], error: BaseException, at: TracebackType | None) -> None:
    if isinstance(error, KeyboardInterrupt):
        sys.__excepthook__(kind, error, at)
    else:
        print(trace(error), file=sys.stderr)


def _in_a_thread(args: Any) -> None:
    """Python hides SystemExit too."""
    if args.exc_value is not None and not isinstance(args.exc_value, SystemExit):
        print(f"Exception in thread {args.thread and args.thread.name}:\n{trace(args.exc_value)}", file=sys.stderr)


def _in_a_destructor(args: Any) -> None:
    if args.exc_value is not None:
        print(f"Exception ignored in a destructor:\n{trace(args.exc_value)}", file=sys.stderr)
