"""Where the processes of one master add up what they count: a directory of their own, empty at the start.

prometheus_client decides when it is imported whether it counts in memory or in files, by PROMETHEUS_MULTIPROC_DIR. So a
master calls `begin` before anything else is imported; what it forks, or becomes, inherits the variable. Without it a
process counts in memory, which is right for one that serves alone.

A directory is in use for as long as a process of its master holds the lock in it. That holds across containers that
share a disk, where process ids mean nothing. Whoever begins removes what the dead have left.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from config.env.files import METRICS_DIR

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
LOCK = "lock"


def begin() -> Path:
    """Make this process a master with a fresh directory; it is freed when the last of its processes has ended."""
    with _alone(METRICS_DIR):
        remove_left_over(METRICS_DIR)
        directory = Path(tempfile.mkdtemp(dir=METRICS_DIR))
        held = os.open(directory / LOCK, os.O_CREAT | os.O_RDWR, 0o600)
        fcntl.flock(held, fcntl.LOCK_EX)
    os.set_inheritable(held, True)  # `rundramatiq` becomes `dramatiq` by exec
    os.environ[VARIABLE] = str(directory)
    return directory


def remove_left_over(parent: Path) -> None:
    """Remove the directories that no process counts in any more."""
    for lock in parent.glob(f"*/{LOCK}"):
        with lock.open() as file, suppress(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(lock.parent, ignore_errors=True)


def current() -> Path | None:
    """The directory that this process counts in; None: in memory."""
    return Path(os.environ[VARIABLE]) if os.environ.get(VARIABLE) else None


def is_first() -> bool:
    """Is this the first process of its master that asks? One that serves alone always is."""
    directory = current()
    if directory is None:
        return True
    try:
        (directory / "first").touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def forget(pid: int) -> None:
    """The process has ended: its gauges are over, what it has counted stays counted."""
    from prometheus_client import multiprocess  # later than `begin`

    if directory := current():
        multiprocess.mark_process_dead(pid, str(directory))  # type: ignore[no-untyped-call]


@contextmanager
def _alone(parent: Path) -> Iterator[None]:
    """A directory that was just made and is not locked yet must not be taken for one that was left."""
    parent.mkdir(parents=True, exist_ok=True)
    with (parent / LOCK).open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
