"""The web's health: two pages that answer for the process that serves them, and a report about this process.

The report makes a request as a customer would: through the listening socket, a thread and Django. Every web process
makes such requests; any of them may answer.
"""

import socket
from functools import partial
from http.client import HTTPResponse
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe

from config.health.liveness import database_problem, problems
from config.health.process import ProcessHealth, answer
from config.hosts import host_of

ANSWER_TIMEOUT_S = 10.0


@require_safe
def live(request: HttpRequest) -> HttpResponse:
    """The process answers. Restart it if it does not."""
    return JsonResponse({"live": True})


@require_safe
def ready(request: HttpRequest) -> HttpResponse:
    """The database answers and its migrations are applied. Otherwise send no customers here.

    RabbitMQ is not checked: the web serves customers without it.
    """
    status, content_type, body = answer("ready", problems({"database": database_problem}))
    return HttpResponse(body, content_type=content_type, status=status)


def report(listener: Any) -> None:
    """Start to report to systemd and the log whether the web serves at this gunicorn socket."""
    health = ProcessHealth(
        live={"web": partial(_problem_with, "/healthz", listener)},
        ready={"web": partial(_problem_with, "/readyz", listener)},
    )
    health.report("web")


def _problem_with(path: str, listener: Any) -> str | None:
    try:
        status = _status(path, listener)
    except OSError as error:
        return f"{path} does not answer ({error})."
    return None if status == 200 else f"{path} answers {status}."


def _status(path: str, listener: Any) -> int:
    """The socket may be IPv4, IPv6 or a file."""
    with socket.socket(listener.family, socket.SOCK_STREAM) as connection:
        connection.settimeout(ANSWER_TIMEOUT_S)
        connection.connect(listener.getsockname())
        host = host_of(settings.SHOP_URL)  # the shop accepts this name
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        response = HTTPResponse(connection)
        response.begin()
        return response.status
