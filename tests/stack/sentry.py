"""A stand-in for Sentry: takes envelopes over HTTP, as its relay does, and keeps the events in them."""

import gzip
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from tests.stack.ports import LOOPBACK, free_port


class Sentry:
    """On a free port; a context manager."""

    def __init__(self) -> None:
        self.port = free_port()
        self.raw: list[str] = []
        self.events: list[dict[str, Any]] = []

    @property
    def dsn(self) -> str:
        """For SENTRY_DSN."""
        return f"http://publickey@{LOOPBACK}:{self.port}/1"

    def __enter__(self) -> Self:
        sentry = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                sentry.take(gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body)
                self.send_response(200)
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (its base names it so)
                """Nobody reads it."""

        self._server = ThreadingHTTPServer((LOOPBACK, self.port), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()

    def take(self, envelope: bytes) -> None:
        """A header, and then pairs of lines: what it is, and the thing itself."""
        self.raw.append(envelope.decode())
        lines = envelope.decode().strip().split("\n")[1:]
        for head, item in zip(lines[::2], lines[1::2], strict=False):
            if json.loads(head)["type"] == "event":
                self.events.append(json.loads(item))
