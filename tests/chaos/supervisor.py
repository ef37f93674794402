"""Starts again what has ended, as systemd does."""

from collections.abc import Callable
from contextlib import suppress
from threading import Thread
from typing import TYPE_CHECKING

from tests.stack.processes import Program
from tests.stack.server import Server, StartError

if TYPE_CHECKING:
    from tests.chaos.stack import Stack

RESTART_S = 1.0
"""How long a part that ended stays down: RestartSec of the units is 1 to 5."""

LOOK_S = 0.3
"""How often to look for parts that ended."""


class Supervisor:
    """Looks after the parts of a stack, but for those that it holds down."""

    def __init__(self, stack: "Stack") -> None:
        self._stack = stack

    def watch(self) -> None:
        """From now on, until the stack is closed."""
        Thread(target=self._keep_running, name="supervisor", daemon=True).start()

    def _keep_running(self) -> None:
        """Start what has ended, one thread for each part: PostgreSQL may take long to recover."""
        starting: set[str] = set()
        while not self._stack.over.wait(LOOK_S):
            for name, part in list(self._stack.parts.items()):
                if not part.alive and name not in self._stack.held and name not in starting:
                    starting.add(name)
                    Thread(target=self._restart, args=(name, part, starting.discard), daemon=True).start()

    def _restart(self, name: str, part: Program | Server, done: Callable[[str], None]) -> None:
        self._stack.notes.note("parts", part=name, what="died")
        if not self._stack.over.wait(RESTART_S) and name not in self._stack.held and not part.alive:
            with suppress(StartError, RuntimeError, OSError):
                part.start()
                self._stack.after_start(name)
                self._stack.notes.note("parts", part=name, what="started")
        done(name)
