"""The jobs that run in this process, and the process's name."""

import json
import os
import secrets
import socket
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache

from dramatiq.broker import MessageProxy

from config.formats import storable

ARGS_CHARS = 500
"""Messages carry ids; longer arguments are not ours."""

MAX_ATTEMPTS = 1_000
"""A message may claim any number of attempts, and the database does not take every number."""


@dataclass(frozen=True)
class Run:
    """One message that a thread of this process works on. Times are UTC by this process's clock."""

    message: MessageProxy
    attempt: int
    waited_s: float
    began_at: datetime

    @property
    def message_id(self) -> str:
        """The id, made safe for the database like everything from a message."""
        return storable(self.message.message_id, 64)

    @property
    def args(self) -> str:
        """The arguments as JSON: a list, with a mapping of the named ones at its end if there are any."""
        named = [self.message.kwargs] if self.message.kwargs else []
        text = json.dumps([*self.message.args, *named])
        return text if len(text) <= ARGS_CHARS else json.dumps(f"{len(text)} characters")

    def as_busy(self) -> dict[str, str]:
        """The entry for `Worker.busy`."""
        return {
            "actor": self.message.actor_name,
            "message_id": self.message_id,
            "args": self.args,
            "since": self.began_at.isoformat(timespec="milliseconds"),
        }


@dataclass
class Totals:
    """Runs that have ended since the process started."""

    done: int = 0
    failed: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def count(self, *, failed: bool) -> None:
        with self._lock:
            self.failed += failed
            self.done += not failed


totals = Totals()
_runs: dict[int, Run] = {}  # by thread: a message that was delivered twice may run twice


def begin(message: MessageProxy) -> None:
    """The calling thread starts to work on this message."""
    now = datetime.now(UTC)
    sent_ms = message.options.get("requeue_timestamp") or message.message_timestamp
    waited_s = max(0.0, now.timestamp() - sent_ms / 1000)
    attempt = min(message.options.get("retries", 0), MAX_ATTEMPTS) + 1
    _runs[threading.get_ident()] = Run(message, attempt, waited_s, now)


def end(*, failed: bool) -> Run | None:
    """The calling thread has finished its run. Returns the run; None if there was none."""
    totals.count(failed=failed)
    return cancel()


def cancel() -> Run | None:
    """The calling thread does not run the message after all; nothing is counted."""
    return _runs.pop(threading.get_ident(), None)


def busy() -> list[dict[str, str]]:
    """The jobs that run now, longest first."""
    return [run.as_busy() for run in sorted(_runs.copy().values(), key=lambda run: run.began_at)]


def worker_name() -> str:
    """The name of this process, like shop-1:4711:9f3a2c."""
    return _name_of(os.getpid())


def host() -> str:
    return storable(socket.gethostname(), 64)


@cache
def _name_of(pid: int) -> str:
    """Process ids are reused, so a random part is added; a fork needs a new name."""
    return f"{host()}:{pid}:{secrets.token_hex(3)}"
