"""What the sandbox keeps: small JSON records in one SQLite table, and in memory the log of the shop's requests."""

import json
import sqlite3
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from billing.sandbox.messages import Request
from billing.sandbox.payment import Json, iso

SCHEMA = "CREATE TABLE IF NOT EXISTS record (kind TEXT, id TEXT, body TEXT NOT NULL, PRIMARY KEY (kind, id))"

LONGEST_LOG = 20_000
"""Requests kept; older ones are forgotten, but still counted."""


def _close(database: Path) -> None:
    """Only its owner may read the file, from its beginning. SQLite gives its companions the same mode."""
    database.touch(mode=0o600)
    database.chmod(0o600)


class Storage:
    """Records by kind and id, by first write; written only inside `together`. `None` keeps them in memory only."""

    def __init__(self, database: str | Path | None = None) -> None:
        if database is not None:
            Path(database).parent.mkdir(parents=True, exist_ok=True)
            _close(Path(database))
        self._lock, self._closed = threading.RLock(), False
        self._db = sqlite3.connect(database or ":memory:", check_same_thread=False)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")  # survives a crash of the process, not of the machine
        self._db.execute(SCHEMA)

    @contextmanager
    def together(self) -> Iterator[None]:
        """The one lock and transaction: all writes inside are kept, or none. Do not nest: the inner end commits."""
        with self._lock:
            if self._closed:
                raise Closed
            with self._db:
                yield

    def put(self, kind: str, record_id: str, body: Json) -> None:
        """Write; moments and decimals become texts."""
        self._db.execute(
            "INSERT INTO record VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET body = excluded.body",
            (kind, record_id, json.dumps(body, default=str)),
        )

    def has(self, kind: str, record_id: str) -> bool:
        found = self._db.execute("SELECT 1 FROM record WHERE kind = ? AND id = ?", (kind, record_id))
        return found.fetchone() is not None

    def drop(self, kind: str, record_id: str) -> None:
        self._db.execute("DELETE FROM record WHERE kind = ? AND id = ?", (kind, record_id))

    def drop_all(self, kind: str) -> None:
        self._db.execute("DELETE FROM record WHERE kind = ?", (kind,))

    def load(self, kind: str) -> dict[str, Json]:
        rows = self._db.execute("SELECT id, body FROM record WHERE kind = ? ORDER BY rowid", (kind,))
        return {record_id: json.loads(body) for record_id, body in rows}

    def close(self) -> None:
        """Wait for the thread that is writing; later ones get `Closed`."""
        with self._lock:
            self._closed = True
            self._db.close()


class Closed(Exception):
    """The sandbox has stopped; a thread that is still busy cannot write any more."""


@dataclass(slots=True)
class Entry:
    """One request. `status` is None if it was not answered; `fault` is the kind of fault that hit it."""

    method: str
    path: str
    idempotency_key: str | None
    payment: str | None
    at: datetime
    status: int | None = None
    fault: str | None = None

    def as_json(self) -> Json:
        return asdict(self) | {"at": iso(self.at)}


class Journal:
    """The shop's calls of the merchant API, for tests that count them."""

    def __init__(self) -> None:
        self._entries: deque[Entry] = deque(maxlen=LONGEST_LOG)
        self.total = 0

    def note(self, request: Request, payment: str | None) -> Entry:
        entry = Entry(request.method, request.path, request.headers.get("Idempotency-Key"), payment, datetime.now(UTC))
        self._entries.append(entry)
        self.total += 1
        return entry

    def entries(self, payment: str | None = None) -> list[Entry]:
        """Oldest first; all of them, or those about one payment."""
        return [entry for entry in list(self._entries) if payment in (None, entry.payment)]

    def clear(self) -> None:
        self._entries.clear()
        self.total = 0
