"""What the people, the mail server and the faults of a run did: one JSON object a line, one file for each of them."""

import json
import time
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Any, Self, TextIO


class Notes:
    """Lines in a directory, each written at once; a context manager."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        self._files: dict[str, TextIO] = {}
        self._lock = Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        with self._lock:
            for file in self._files.values():
                file.close()

    def file(self, name: str) -> Path:
        """Where the lines are."""
        return self.directory / f"{name}.jsonl"

    def note(self, name: str, **facts: Any) -> None:
        """Write a line; `at` is now, if it is not given."""
        line = json.dumps({"at": time.time(), **facts}, ensure_ascii=False)
        with self._lock:
            if name not in self._files:
                self._files[name] = self.file(name).open("a", encoding="utf-8")
            self._files[name].write(line + "\n")
            self._files[name].flush()
