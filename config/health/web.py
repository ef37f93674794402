"""The web's health.

The check is a request, as a customer would make one: through the listening socket, a thread and Django. Every web
process makes such requests; any of them may answer.
"""

import os
import socket
from http.client import HTTPResponse
from typing import Any
from urllib.parse import urlsplit

from config.health.process import HealthCheck, ProcessHealth

ANSWER_TIMEOUT_S = 10.0


def report(listener: Any) -> None:
    """Start to report to systemd and the log whether the web serves at this gunicorn socket."""
    live, ready = (_request(listener, path) for path in ("/healthz", "/readyz"))
    ProcessHealth(live={"web": live}, ready={"web": ready}).report("web")


def _request(listener: Any, path: str) -> HealthCheck:
    def check() -> str | None:
        try:
            status = _status(listener, path)
        except OSError as error:
            return f"{path} does not answer ({error})."
        return None if status == 200 else f"{path} answers {status}."

    return check


def _status(listener: Any, path: str) -> int:
    """The socket may be IPv4, IPv6 or a file."""
    with socket.socket(listener.family, socket.SOCK_STREAM) as connection:
        connection.settimeout(ANSWER_TIMEOUT_S)
        connection.connect(listener.getsockname())
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: {_host()}\r\nConnection: close\r\n\r\n".encode())
        answer = HTTPResponse(connection)
        answer.begin()
        return answer.status


def _host() -> str:
    """A host name that the shop accepts."""
    return urlsplit(os.environ.get("SHOP_URL", "")).hostname or "localhost"
