"""Programs of the operating system that a test may stop, kill and freeze, and that never outlive it."""

import atexit
import os
import re
import signal
import subprocess
import tempfile
import weakref
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from tests.stack.ports import wait_until

# SIGKILL needs no consent; this is only the patience for a busy machine to bury the dead.
BURIAL_S = 10.0


def end_cleanly() -> None:
    """SIGTERM ends this process as Ctrl-C does: with its exit hooks, which kill what it has started.

    Ctrl-C itself is included: a shell starts what runs in the background deaf to it.
    """
    for request in (signal.SIGINT, signal.SIGTERM):
        signal.signal(request, signal.default_int_handler)


class Program:
    """One program with its children, in a process group of its own; a context manager and restartable."""

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        log: Path | None = None,
    ) -> None:
        """`env` is the whole environment, as for `subprocess`; without a `log` the output lives as long as we do."""
        self.name = name
        self.command = [str(word) for word in command]
        self.env = env
        self.cwd = cwd
        self.log = log or _passing_file(self)
        self._process: subprocess.Popen[bytes] | None = None
        self._log_start = 0

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """The leader's pid, which is the group's number as well."""
        return self._started().pid

    @property
    def alive(self) -> bool:
        """Whether the leader runs; a frozen one does."""
        return self._process is not None and self._process.poll() is None

    @property
    def memory(self) -> int:
        """Resident bytes of everybody; what they share is counted for each of them."""
        return sum(_resident(process) for process in self.members())

    def start(self) -> Self:
        """Start the program; what an earlier run left behind is killed first."""
        if self.alive:
            raise RuntimeError(f"{self.name} is running already.")
        self.kill()
        with self.log.open("ab") as log:
            self._log_start = log.tell()
            self._process = self._spawn(log.fileno())
        atexit.register(self.kill)
        return self

    def stop(self, timeout_s: float = 10.0, request: signal.Signals = signal.SIGTERM) -> None:
        """Ask the leader to end; after the timeout, or for children it forgot, there is SIGKILL."""
        if self.alive:
            self.thaw()
            self.send(request)
            with suppress(TimeoutError):
                self.wait(timeout_s)
        self.kill()

    def kill(self) -> None:
        """End everybody at once, as a crash does."""
        if self._process is None:
            return
        self._signal_everybody(signal.SIGKILL)
        self._process.wait(BURIAL_S)
        wait_until(lambda: not self.members(), f"every process of {self.name} is dead", BURIAL_S)
        atexit.unregister(self.kill)

    def freeze(self) -> None:
        """Stop everybody's time, as a hung host does: connections stay open, nobody answers."""
        self._signal_everybody(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let a frozen program go on as if nothing had happened."""
        self._signal_everybody(signal.SIGCONT)

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the leader alone."""
        self._started().send_signal(number)

    def wait(self, timeout_s: float) -> int:
        """Return the leader's exit code; negative is the signal that ended it."""
        try:
            return self._started().wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise TimeoutError(f"{self.name} did not end within {timeout_s:g} s.") from None

    def output(self) -> str:
        """Return what all runs have written so far."""
        return self.log.read_text(errors="replace")

    def last_lines(self, count: int = 20) -> str:
        """Return the end of the output, for error messages."""
        return "\n".join(self.output().splitlines()[-count:])

    def wait_for_output(self, pattern: str, timeout_s: float) -> None:
        """Return once the present run has written something that matches; nobody waits for a dead program."""
        wanted = re.compile(pattern, re.MULTILINE)
        with suppress(TimeoutError):
            wait_until(lambda: wanted.search(self.output_of_this_run()) or not self.alive, pattern, timeout_s)
        if not wanted.search(self.output_of_this_run()):
            raise TimeoutError(f"{self.name} did not write “{pattern}”. Its last words:\n{self.last_lines()}")

    def members(self) -> list[psutil.Process]:
        """Return the living processes of the group, and children that left it (PostgreSQL's do)."""
        if self._process is None or self._number_has_a_new_owner():
            return []
        found = {process for process in psutil.process_iter() if _group_of(process) == self.pid}
        if self.alive:
            with suppress(psutil.NoSuchProcess):
                found.update(psutil.Process(self.pid).children(recursive=True))
        return [process for process in found if lives(process)]

    def _spawn(self, log: int) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            self.command,
            env=self.env,
            cwd=self.cwd,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise RuntimeError(f"{self.name} was never started.")
        return self._process

    def _number_has_a_new_owner(self) -> bool:
        """Our leader is dead and yet its pid lives: the kernel gave it to a stranger, who must not be touched."""
        return not self.alive and psutil.pid_exists(self.pid)

    def _signal_everybody(self, number: signal.Signals) -> None:
        # The list comes first, because nobody can tell whose child an orphan was; the group is signalled as a
        # whole, because a list misses the child that is born meanwhile.
        members = self.members()
        if any(_group_of(process) == self.pid for process in members):
            with suppress(ProcessLookupError):
                os.killpg(self.pid, number)
        for process in members:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(number)

    def output_of_this_run(self) -> str:
        """Return what the present run has written so far."""
        return self.log.read_bytes()[self._log_start :].decode(errors="replace")


def lives(process: psutil.Process) -> bool:
    """A zombie is dead: where process 1 does not bury orphans, zombies stay for ever."""
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _passing_file(owner: object) -> Path:
    """Make a file that goes when its owner goes."""
    handle, name = tempfile.mkstemp(prefix="tillkeeper-", suffix=".log")
    os.close(handle)
    weakref.finalize(owner, Path(name).unlink, missing_ok=True)
    return Path(name)


def _group_of(process: psutil.Process) -> int | None:
    try:
        return os.getpgid(process.pid)
    except ProcessLookupError:
        return None


def _resident(process: psutil.Process) -> int:
    try:
        return process.memory_info().rss
    except psutil.NoSuchProcess:
        return 0
