"""The sandbox behind an address: a real HTTP server in its own threads."""

import socket
import sys
import threading
from contextlib import suppress
from http.server import ThreadingHTTPServer
from pathlib import Path
from socketserver import TCPServer
from types import TracebackType
from typing import Any, Self

from billing.sandbox.handler import Handler
from billing.sandbox.sandbox import Sandbox
from billing.sandbox.storage import Closed

STOP_POLL_S = 0.05
"""How often the server checks whether it must stop."""


class SandboxServer(Sandbox):
    """Starts and stops once. `port=0` takes a free port; `url` is known after the start.

    `public_url` is the address that buyers see, if the server is behind another one. Raises OSError if the port is
    taken, sqlite3.Error if the database file is not one.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        database: str | Path | None = None,
        api_key: str = "sandbox-key",
        callback_secret: str = "sandbox-secret",  # noqa: S107 - public, and it protects no money
        public_url: str = "",
    ) -> None:
        super().__init__(database, api_key, callback_secret)
        self._address, self._public_url = (host, port), public_url.rstrip("/")

    def start(self) -> Self:
        self._listener = self._listen()
        self.url = self._public_url or f"http://{self._address[0]}:{self._listener.server_port}"
        self.webhooks.start()
        for work in (self._watch_expiries, self._serve):
            threading.Thread(target=work, name=f"sandbox{work.__name__}", daemon=True).start()
        return self

    def stop(self) -> None:
        """Stop within a moment: close all connections, hung requests included."""
        self.stopping.set()
        self._listener.shutdown()
        self._listener.server_close()
        self._listener.cut_connections()
        self.webhooks.stop()
        self.storage.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _listen(self) -> "Listener":
        try:
            return Listener(self._address, type("BoundHandler", (Handler,), {"sandbox": self}))
        except BaseException:
            self.storage.close()
            raise

    def _serve(self) -> None:
        self._listener.serve_forever(STOP_POLL_S)


class Listener(ThreadingHTTPServer):
    """One thread per connection. Remembers the open connections, so that `stop` can close them."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 256  # a benchmark opens all its connections at once

    def __init__(self, address: tuple[str, int], handler: type[Handler]) -> None:
        self._open: set[Any] = set()
        super().__init__(address, handler)

    def server_bind(self) -> None:
        """Skip the base class's lookup of the host's full name, which may take seconds."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]  # type: ignore[assignment]

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def cut_connections(self) -> None:
        for connection in list(self._open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Disconnected callers, and work that the stop cuts short, are expected; any other error is a bug to show."""
        if not isinstance(sys.exception(), ConnectionError | Closed):
            super().handle_error(request, client_address)
