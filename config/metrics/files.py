"""The directory where the processes of one master add up their metrics.

prometheus_client decides at its import, by PROMETHEUS_MULTIPROC_DIR, whether it counts in memory or in files. So a
master calls `begin` before any other import; its forks and its exec inherit the variable. Without the variable a
process counts in memory, which suits a process that serves alone.

A directory is in use while a process of its master holds its lock. Containers that share a disk see the lock too;
process ids would mean nothing there. `begin` removes the directories of dead masters.
"""

import fcntl
import glob
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from config.env.files import METRICS_DIR, lock_until_the_end

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
LOCK = "lock"


def begin() -> Path:
    """Make this process a master with a new directory. The directory is freed when the last of its processes ends."""
    with _alone(METRICS_DIR):
        remove_left_over(METRICS_DIR)
        directory = Path(tempfile.mkdtemp(dir=METRICS_DIR))
        held = os.open(directory / LOCK, os.O_CREAT | os.O_RDWR, 0o600)
        fcntl.flock(held, fcntl.LOCK_EX)
    os.set_inheritable(held, True)  # `rundramatiq` becomes `dramatiq` by exec
    os.environ[VARIABLE] = str(directory)
    return directory


def remove_left_over(parent: Path) -> None:
    """Remove directories that no process uses any more."""
    for lock in parent.glob(f"*/{LOCK}"):
        with lock.open() as file, suppress(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(lock.parent, ignore_errors=True)


def current() -> Path | None:
    """The directory that this process counts in; None if it counts in memory."""
    return Path(os.environ[VARIABLE]) if os.environ.get(VARIABLE) else None


def is_first() -> bool:
    """Is this the first running process of its master that asks? A process that serves alone always is."""
    directory = current()
    return directory is None or not lock_until_the_end(directory / "first")


def forget(pid: int) -> None:
    """The process has ended, or will: remove its gauges, and add up the counters of those that have ended."""
    from prometheus_client import multiprocess  # later than `begin`

    from config.metrics import ended

    if directory := current():
        multiprocess.mark_process_dead(pid, glob.escape(str(directory)))  # type: ignore[no-untyped-call]
        ended.merge(directory)


@contextmanager
def _alone(parent: Path) -> Iterator[None]:
    """Lock the parent, so that a new directory, not locked yet, does not look like one left over."""
    parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (parent / LOCK).open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
