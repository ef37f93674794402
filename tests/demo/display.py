"""Shows the progress: bars on a terminal, else a line every few seconds."""

import time
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

from tests.demo.watch import Snapshot

LINE_EVERY_S = 4.0

COLOURS = {"placed": "cyan", "paid": "green", "canceled": "yellow", "expired": "magenta", "mailed": "blue"}


class Display(Protocol):
    """A context manager that shows one snapshot after the other."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None: ...

    def show(self, snapshot: Snapshot) -> None:
        """Show this snapshot."""


def display() -> Display:
    """Bars on a terminal, else lines."""
    console = Console()
    return Bars(console) if console.is_terminal and not console.is_dumb_terminal else Lines()


class Bars(Progress):
    """One bar for each number, and the outcome of the provider's callbacks."""

    def __init__(self, console: Console) -> None:
        columns = (TextColumn("{task.description:>9}"), BarColumn(None), MofNCompleteColumn())
        super().__init__(*columns, TextColumn("{task.fields[note]}"), console=console)
        self._bars: dict[str, TaskID] = {}

    def show(self, snapshot: Snapshot) -> None:
        for name, (count, total) in snapshot.orders.items():
            if name not in self._bars:
                self._bars[name] = self.add_task(f"[{COLOURS[name]}]{name}", total=total, note="")
            self.update(self._bars[name], completed=count)
        self.update(self._bars["placed"], note=callbacks_in_words(snapshot))


class Lines:
    """For logs and pipes."""

    def __init__(self) -> None:
        self._began_at = time.monotonic()
        self._next_at = self._began_at

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None: ...

    def show(self, snapshot: Snapshot) -> None:
        """Print a line, unless the last one is recent."""
        if time.monotonic() < self._next_at:
            return
        self._next_at = time.monotonic() + LINE_EVERY_S
        orders = "  ".join(f"{name} {count}/{total}" for name, (count, total) in snapshot.orders.items())
        print(f"{time.monotonic() - self._began_at:4.0f} s  {orders}  {callbacks_in_words(snapshot)}", flush=True)


def callbacks_in_words(snapshot: Snapshot) -> str:
    """The provider's callbacks by outcome."""
    count = snapshot.callbacks
    words = (f"{count.get(name, 0)} {word}" for name, word in CALLBACKS.items())
    return f"callbacks: {', '.join(words)}"


CALLBACKS = {"delivered": "delivered", "lost": "lost", "duplicated": "twice", "late": "late"}
