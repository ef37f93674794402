"""A small HTTP server for processes that have none. It serves health checks and metrics only.

It runs beside the work, in daemon threads. It never delays the process or its end.
"""

import logging
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler

from config.hosts import HttpServer

Response = tuple[int, str, bytes]
"""Status, content type, body."""

CLIENT_TIMEOUT_S = 5.0
"""A client that is silent for longer is disconnected."""

log = logging.getLogger(__name__)


def serve(host: str, port: int, routes: Mapping[str, Callable[[], Response]]) -> HttpServer:
    """Answer GET for each path in `routes` until the process ends. Raises CannotListen."""

    class Handler(BaseHTTPRequestHandler):
        timeout = CLIENT_TIMEOUT_S
        server_version, sys_version = "Tillkeeper", ""

        def do_GET(self) -> None:
            route = routes.get(self.path.partition("?")[0])
            status, content_type, body = _answer(route) if route else (404, "text/plain", b"There is nothing here.\n")
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (its base names it so)
            """Probes come every few seconds, so they are not logged."""

    server = _Quiet((host, port), Handler)
    threading.Thread(target=server.serve_forever, name="probes", daemon=True).start()
    return server


class _Quiet(HttpServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """The client has gone before the answer came."""
        log.debug("probe.broken", exc_info=True)


def _answer(route: Callable[[], Response]) -> Response:
    """A failing route is a 500 for its client and nothing more."""
    try:
        return route()
    except Exception:
        log.exception("probe.failed")
        return 500, "text/plain", b"It failed; the log says why.\n"
