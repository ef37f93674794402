"""Makes an environment, or installs a lock into this one, and shows at each moment what it does.

    python3 deploy/requirements/environment.py make .venv
    .venv/bin/python deploy/requirements/environment.py install deploy/requirements/runtime.txt

Nothing is installed yet, so it uses only what Python brings along. On a terminal it rewrites one line each second;
elsewhere it writes a line every four seconds.
"""

import re
import subprocess
import sys
import sysconfig
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

SHOWN_EVERY_S = 1 if sys.stdout.isatty() else 4


def main(work: str, path: str) -> int:
    """Exit status 0 if it was done. Otherwise Python or pip has said why not."""
    if work == "make":
        return run([sys.executable, "-m", "venv", path], Steps(f"Creating the environment {path}"))
    print("Packages are downloaded and installed: a minute or two, the first time.", flush=True)
    command = ["pip", "install", "--disable-pip-version-check", "--no-input", "--require-hashes", "-r", path]
    return run([sys.executable, "-m", *command], Packages(Path(path)))


class Steps:
    """What a program does, in words."""

    def __init__(self, label: str) -> None:
        self.label = label

    def read(self, line: str) -> None:
        """Take note of a line of the program's output."""

    def __str__(self) -> str:
        return self.label


class Packages(Steps):
    """What pip does with a lock: it collects all packages first, then it installs all."""

    def __init__(self, lock: Path) -> None:
        self.wanted = len(re.findall("^[^ #]+==", lock.read_text(encoding="utf-8"), re.MULTILINE))
        super().__init__(f"Installing {lock.stem} packages")  # short: a line that wraps cannot be rewritten
        self.known, self.installing, self._site_packages = 0, False, Path(sysconfig.get_path("purelib"))
        self._before = self._installed()

    def read(self, line: str) -> None:
        self.wanted -= line.startswith("Ignoring ")  # for another version of Python
        self.known += line.startswith(("Collecting ", "Requirement already satisfied"))
        self.installing |= line.startswith("Installing collected packages")

    def __str__(self) -> str:
        if not self.installing:
            return f"{self.label}: {self.known} of {self.wanted} here"
        return f"{self.label}: {self._installed() - self._before} new ones"

    def _installed(self) -> int:
        return sum(1 for _ in self._site_packages.glob("*.dist-info"))


def show_line(text: str) -> None:
    print(f"\r{text}\033[K" if sys.stdout.isatty() else text, end="" if sys.stdout.isatty() else "\n", flush=True)


def run(
    command: list[str], steps: Steps, every_s: float = SHOWN_EVERY_S, show: Callable[[str], None] = show_line
) -> int:
    """Run the program and show its steps until it ends. Its errors go where ours go."""
    started = time.monotonic()
    show(f"{steps} …")
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout  # noqa: S101 - it is a pipe
        reader = threading.Thread(target=_read, args=(program.stdout, steps))
        reader.start()
        while reader.is_alive():
            reader.join(every_s)
            show(f"{steps}, {time.monotonic() - started:.0f} s")
    if sys.stdout.isatty():
        print()
    return program.returncode


def _read(output: Iterable[str], steps: Steps) -> None:
    with suppress(ValueError):  # Ctrl-C closes the pipe while it is read
        for line in output:
            steps.read(line)


if __name__ == "__main__":
    try:
        sys.exit(main(*sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit("\nStopped. The next `make` takes it up again.")
