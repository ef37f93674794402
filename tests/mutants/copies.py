"""Forks of this process: silent, with an environment and a directory of their own, and gone when they are done."""

import os
import signal
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

ENVIRONMENT = {
    "DJANGO_SETTINGS_MODULE": "config.settings",
    "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    "TEST_DATABASE": "sqlite",
}

OUR_OWN_MISTAKE = 70
"""The exit code of a copy in which this tool itself failed: nothing must count as noticed because of that."""


def scratch() -> tempfile.TemporaryDirectory[str]:
    """A directory for what a copy writes, in memory where there is one; gone with this object."""
    in_memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    return tempfile.TemporaryDirectory(prefix="tillkeeper-mutant-", dir=in_memory, ignore_cleanup_errors=True)


def start(work: Callable[[], int], directory: str, closing: Sequence[int] = ()) -> int:
    """A fork that does this work, with this directory for its files and without these open ones; returns its id."""
    child = os.fork()
    if not child:
        for each in closing:
            os.close(each)
        _be_the_copy(work, directory)
    return child


def run(work: Callable[[Path], int], limit_s: float) -> tuple[int | None, str]:
    """What the work returned in a fork of this process, and what it wrote; None if it took too long and was killed, by
    us or by an alarm of its own.
    """
    with scratch() as directory:
        told = Path(directory, "told")
        code = _wait_for(start(lambda: work(told), directory), time.monotonic() + limit_s)
        return code, told.read_text() if told.exists() else ""


def _be_the_copy(work: Callable[[], int], directory: str) -> None:
    """Silent, and gone afterwards whatever happens: threads that the tests left behind are not waited for."""
    code = OUR_OWN_MISTAKE
    try:
        os.setpgid(0, 0)
        os.environ |= ENVIRONMENT
        tempfile.tempdir = directory
        silence = os.open(os.devnull, os.O_RDWR)
        for stream in range(3):
            os.dup2(silence, stream)
        code = int(work())
    finally:
        os._exit(code)


def _wait_for(child: int, until: float) -> int | None:
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            code = os.waitstatus_to_exitcode(status)
            return None if code == -signal.SIGALRM else code
        if time.monotonic() > until:
            os.killpg(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return None
        time.sleep(0.01)
