"""What the private PostgreSQL and the private RabbitMQ have in common."""

import shutil
import signal
import tempfile
import weakref
from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.stack.ports import HANG_S, free_port, is_free, wait_until
from tests.stack.processes import Program


class StartError(Exception):
    """The server ended, or stayed silent, instead of starting."""


class Server(ABC):
    """A server with a port and a directory of its own; both stay the same from start to start."""

    start_timeout_s = HANG_S
    stop_timeout_s = 30.0
    stop_request = signal.SIGTERM

    def __init__(self, directory: Path | None, port: int | None) -> None:
        """Without a directory the data is thrown away in the end; without a port a free one is taken."""
        self.keeps_data = directory is not None
        self.directory = directory.resolve() if directory else _passing_directory(self)
        self.port = port or free_port()
        self.program = self._program()

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:
            self.close()
            raise

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    @property
    def pid(self) -> int:
        """The server's own process: no shell or wrapper stands between."""
        return self.program.pid

    @property
    def alive(self) -> bool:
        return self.program.alive

    def start(self) -> Self:
        """Start, and return once the server answers."""
        self._insist_on_a_free_port()
        self._prepare()
        self.program.start()
        self._wait_for_the_first_answer()
        return self

    def stop(self) -> None:
        """Shut down in order; the data stays for the next start."""
        self.program.stop(self.stop_timeout_s, self.stop_request)

    def kill(self) -> None:
        """Crash."""
        self.program.kill()

    def restart(self) -> None:
        """Stop in order, if there is something to stop, and start again."""
        self.stop()
        self.start()

    def freeze(self) -> None:
        """Hang: connections stay open, nobody answers."""
        self.program.freeze()

    def thaw(self) -> None:
        """Go on after a freeze."""
        self.program.thaw()

    def close(self) -> None:
        """End for good: in order if the data is kept, at once if it is thrown away."""
        if self.keeps_data:
            self.stop()
        else:
            self.kill()
            shutil.rmtree(self.directory, ignore_errors=True)

    def answers(self) -> bool:
        """Say whether our server is there and answers; a hung one does not."""
        return self.alive and self._greets()

    @abstractmethod
    def _program(self) -> Program:
        """Describe how to run the server in the foreground."""

    @abstractmethod
    def _prepare(self) -> None:
        """Make sure that everything a start needs exists."""

    @abstractmethod
    def _greets(self) -> bool:
        """Try once, with a short patience, whether somebody on the port speaks the protocol."""

    def _insist_on_a_free_port(self) -> None:
        # Otherwise a stranger would answer for our server while that one is still finding out.
        if not self.alive and not is_free(self.port):
            raise StartError(f"{self.program.name} did not start. Port {self.port} is taken.")

    def _wait_for_the_first_answer(self) -> None:
        try:
            wait_until(lambda: self.answers() or not self.alive, "it answered", self.start_timeout_s)
        except TimeoutError as silence:
            raise self._failure(str(silence)) from None
        if not self.alive:
            raise self._failure("It ended at once.")

    def _failure(self, reason: str) -> StartError:
        return StartError(f"{self.program.name} did not start. {reason} Its last words:\n{self.program.last_lines()}")


def _passing_directory(owner: object) -> Path:
    """Make a directory that goes when its owner goes, should nobody have closed it before."""
    directory = Path(tempfile.mkdtemp(prefix="tillkeeper-"))
    weakref.finalize(owner, shutil.rmtree, directory, ignore_errors=True)
    return directory
