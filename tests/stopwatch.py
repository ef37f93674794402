"""Figures that depend on the machine, and what becomes of a test that missed one."""

import time
from collections.abc import Callable

from tests.stack.ports import wait_until


class TooSlow(AssertionError):
    """A limit was missed, which a machine that was busy elsewhere can do to anybody: the test may try again."""


def assert_quick(seconds: float, limit_s: float, what: str) -> None:
    """Raises TooSlow with a sentence if it took the limit or longer."""
    if seconds >= limit_s:
        raise TooSlow(f"{what} took {seconds:.3f} s; less than {limit_s:g} s is the limit")


def seconds_until(condition: Callable[[], object], what: str, timeout_s: float = 20) -> float:
    """How long it takes until the condition is true. Raises TimeoutError, which is no matter of speed any more."""
    started = time.monotonic()
    wait_until(condition, what, timeout_s, pause_s=0.01)
    return time.monotonic() - started
