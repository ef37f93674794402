"""The web's signs of life.

The proof of progress is a request, as a customer would make one: through the listening socket, a thread and Django.
Every process of the web makes them, and it does not matter which one answers.
"""

import os
import socket
from http.client import HTTPResponse
from typing import Any
from urllib.parse import urlsplit

from config.health.process import HealthCheck, ProcessHealth

ANSWER_TIMEOUT_S = 10.0


def report(listener: Any) -> None:
    """From now on tell systemd and the log whether the web serves at this socket of gunicorn's."""
    ProcessHealth(live={"web": _asks(listener, "/healthz")}, ready={"web": _asks(listener, "/readyz")}).tell("web")


def _asks(listener: Any, path: str) -> HealthCheck:
    def check() -> str | None:
        try:
            status = _status(listener, path)
        except OSError as error:
            return f"{path} does not answer ({error})."
        return None if status == 200 else f"{path} answers {status}."

    return check


def _status(listener: Any, path: str) -> int:
    """Whatever the socket is: of IPv4, of IPv6, or a file."""
    with socket.socket(listener.family, socket.SOCK_STREAM) as connection:
        connection.settimeout(ANSWER_TIMEOUT_S)
        connection.connect(listener.getsockname())
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: {_host()}\r\nConnection: close\r\n\r\n".encode())
        answer = HTTPResponse(connection)
        answer.begin()
        return answer.status


def _host() -> str:
    """One by which the shop may be asked for."""
    return urlsplit(os.environ.get("SHOP_URL", "")).hostname or "localhost"
