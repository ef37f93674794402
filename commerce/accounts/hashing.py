"""Password hashes cost a quarter of a second of a processor each, on purpose. This bounds them in each process."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore

from django.contrib.auth.hashers import PBKDF2PasswordHasher

from commerce.accounts.throttling import Throttled

AT_ONCE = 1
"""Hashes at once in a process. A process of the web has 8 threads, and usually half of a processor or one."""

WAITING = 2
"""Threads of a process that may wait for a hash. The others answer "try again" at once, and serve the shop."""

AGAIN_S = 3
"""Longer than the hashes in front of it take."""

_places, _line = BoundedSemaphore(AT_ONCE), BoundedSemaphore(AT_ONCE + WAITING)


class Busy(Throttled):
    """Too many passwords are checked in this moment; this one was not."""


class BoundedHasher(PBKDF2PasswordHasher):
    """Django's default hasher, with the same hashes. Every hash and every check passes `encode`."""

    def encode(self, password: str, salt: str, iterations: int | None = None) -> str:
        """Raises Busy."""
        with _place():
            return super().encode(password, salt, iterations)


@contextmanager
def _place() -> Iterator[None]:
    if not _line.acquire(blocking=False):
        raise Busy(AGAIN_S)
    try:
        with _places:
            yield
    finally:
        _line.release()
