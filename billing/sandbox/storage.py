"""The durable copy: small JSON records in one SQLite table. The objects that use it keep a copy in memory."""

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from billing.sandbox.messages import Json

SCHEMA = "CREATE TABLE IF NOT EXISTS record (kind TEXT, id TEXT, body TEXT NOT NULL, PRIMARY KEY (kind, id))"


class Storage:
    """Records by kind and id, in the order of their first write. `None` keeps them in memory only."""

    def __init__(self, database: str | Path | None = None) -> None:
        if database is not None:
            Path(database).parent.mkdir(parents=True, exist_ok=True)
        self._lock, self._closed = threading.RLock(), False
        self._db = sqlite3.connect(database or ":memory:", check_same_thread=False)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")  # survives a crash of the process, not of the machine
        self._db.execute(SCHEMA)

    @contextmanager
    def together(self) -> Iterator[None]:
        """The one lock and transaction of the sandbox: all writes inside are kept, or none.

        Do not nest: the inner end would commit half of the outer work.
        """
        with self._lock:
            if self._closed:
                raise Closed
            with self._db:
                yield

    def put(self, kind: str, record_id: str, body: Json) -> None:
        """Only inside `together`."""
        self._db.execute(
            "INSERT INTO record VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET body = excluded.body",
            (kind, record_id, json.dumps(body)),
        )

    def has(self, kind: str, record_id: str) -> bool:
        """Is there such a record? Only inside `together`."""
        found = self._db.execute("SELECT 1 FROM record WHERE kind = ? AND id = ?", (kind, record_id))
        return found.fetchone() is not None

    def drop(self, kind: str, record_id: str) -> None:
        """Only inside `together`."""
        self._db.execute("DELETE FROM record WHERE kind = ? AND id = ?", (kind, record_id))

    def drop_all(self, kind: str) -> None:
        """Only inside `together`."""
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
