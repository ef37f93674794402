"""The HTTP server: the table of routes; one connection: read a request, find its route, apply a fault, answer."""

import re
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qsl

from billing.sandbox import buyer, control, merchant
from billing.sandbox.fault_responses import Exchange, respond_with
from billing.sandbox.messages import Refused, Request, Response, json_answer
from billing.sandbox.sandbox import Sandbox
from billing.sandbox.storage import Closed
from config.hosts import HttpServer

LONGEST_BODY = 65_536
LENGTH = re.compile("[0-9]{1,12}")

# Bytes of a refused body that are still read: closing with unread bytes would destroy the answer under way.
LONGEST_DRAIN = 16_000_000

Endpoint = Callable[..., Response]


@dataclass(frozen=True)
class Route:
    """`place` is the name that faults use for a route of the merchant API; other routes have none."""

    method: str
    pattern: re.Pattern[str]
    endpoint: Endpoint
    place: str | None = None

    def answer(self, sandbox: Sandbox, request: Request, args: tuple[str, ...]) -> Response:
        """Call the endpoint; a refusal becomes a response too."""
        try:
            if self.place:
                merchant.authorize(sandbox, request)
            return self.endpoint(sandbox, request, *args)
        except Refused as refusal:
            return refusal.answer()


def route(rule: str, endpoint: Endpoint, place: str | None = None) -> Route:
    """`rule` is a method and a path; each `*` in the path is an argument of the endpoint."""
    method, path = rule.split()
    return Route(method, re.compile(path.replace("*", "([^/]+)")), endpoint, place)


ROUTES = (
    # the shop; the most frequent route first
    route("GET /v1/payments/*", merchant.show_payment, "status"),
    route("POST /v1/payments", merchant.create_payment, "create"),
    route("GET /v1/payments", merchant.list_payments, "list"),
    route("POST /v1/payments/*/cancel", merchant.cancel_payment, "cancel"),
    route("POST /v1/payments/*/refunds", merchant.create_refund, "refund"),
    route("GET /v1/refunds/*", merchant.show_refund, "refund"),
    route("GET /v1/refunds", merchant.list_refunds, "list"),
    route("GET /v1/disputes", merchant.list_disputes, "dispute"),
    # the buyer
    route("GET /", buyer.front_page),
    route("GET /pay/*", buyer.pay_page),
    route("POST /pay/*", buyer.press_button),
    route("GET /healthz", lambda _sandbox, _request: json_answer(200, {"status": "ok"})),
    # tests and drills
    *(route(rule, control.endpoint(rule)) for rule in control.DRILLS),
)


def find_route(method: str, path: str) -> tuple[Route, tuple[str, ...]]:
    """The route and the arguments from the path. Refuses an unknown path with 404, a wrong method with 405."""
    found = [(route, match) for route in ROUTES if (match := route.pattern.fullmatch(path))]
    for candidate, match in found:
        if candidate.method == method:
            return candidate, match.groups()
    if found:
        raise Refused(405, "method_not_allowed", f"{path} does not answer {method}.")
    raise Refused(404, "not_found", "There is nothing at this address.")


class Handler(BaseHTTPRequestHandler):
    """The HTTP handler. The server sets `sandbox` in a subclass."""

    sandbox: Sandbox
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 75  # seconds that an idle connection is kept

    def do_GET(self) -> None:
        try:
            path, _, query = self.path.partition("?")
            request = Request(self.command, path, dict(parse_qsl(query)), self.headers, self.read_body())
            route, args = find_route(request.method, request.path)
        except Refused as refusal:
            self.send(refusal.answer())
        else:
            self.serve(route, request, args)

    do_POST = do_DELETE = do_GET  # noqa: N815 - names that the base class looks for

    def serve(self, route: Route, request: Request, args: tuple[str, ...]) -> None:
        """Only the merchant API has faults and a request log; pages and drills always work."""
        if not route.place:
            self.send(route.answer(self.sandbox, request, args))
            return
        payment = args[0] if "/payments/" in request.path else None
        entry = self.sandbox.journal.note(request, payment)
        exchange = Exchange(self, self.sandbox.stopping, entry, lambda: route.answer(self.sandbox, request, args))
        if fault := self.sandbox.faults.strike(route.place, payment):
            entry.fault = fault.kind
            respond_with(exchange, fault)
        else:
            exchange.send(exchange.work())

    def send(self, answer: Response) -> None:
        self.wfile.write(answer.to_bytes(close=self.close_connection))

    def read_body(self) -> bytes:
        """The whole body. A refusal closes the connection: the start of the next request would be unknown."""
        length = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers or not LENGTH.fullmatch(length):
            self.close_connection = True
            raise Refused(411, "length_required", "Send the body with a Content-Length.")
        if int(length) > LONGEST_BODY:
            self.close_connection = True
            left = min(int(length), LONGEST_DRAIN)
            while left > 0 and (chunk := self.rfile.read(min(left, LONGEST_BODY))):
                left -= len(chunk)
            raise Refused(413, "too_large", f"The body is longer than {LONGEST_BODY} bytes.")
        return self.rfile.read(int(length)) if length != "0" else b""

    def send_error(self, code: int, message: str | None = None, _explain: str | None = None) -> None:
        """The base class refuses lines that are not HTTP, and unknown methods."""
        self.close_connection = True
        self.send(Refused(code, "bad_request", message or "This is not a proper request.").answer())

    def log_message(self, *_: Any) -> None:
        """No line per request: a thousand lines a second would measure the terminal. The request log has them all."""


class Listener(HttpServer):
    """One thread per connection. Remembers the open connections, so that `stop` can close them."""

    block_on_close = False
    request_queue_size = 256  # a benchmark opens all its connections at once

    def __init__(self, address: tuple[str, int], handler: type[Handler]) -> None:
        self._open: set[Any] = set()
        super().__init__(address, handler)

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
