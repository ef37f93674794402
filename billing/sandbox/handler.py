"""One connection: read a request, find its route, apply a fault, and answer with one write."""

import re
import socket
import struct
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qsl

from billing.sandbox.fault_responses import respond_with
from billing.sandbox.journal import Entry
from billing.sandbox.messages import Refused, Request, Response
from billing.sandbox.routes import Route, find_route
from billing.sandbox.sandbox import Sandbox
from billing.sandbox.storage import Closed

LONGEST_BODY = 65_536
LENGTH = re.compile("[0-9]{1,12}")

# Bytes of a refused body that are still read: closing with unread bytes would destroy the answer under way.
LONGEST_DRAIN = 16_000_000

# SO_LINGER on, zero seconds: closing the socket sends a reset.
LINGER_ZERO = struct.pack("ii", 1, 0)


class Handler(BaseHTTPRequestHandler):
    """The HTTP handler. The server sets `sandbox` in a subclass."""

    sandbox: Sandbox
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 75  # seconds that an idle connection is kept

    def do_GET(self) -> None:
        try:
            request = self.read_request()
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
        payment = route.payment_in(args)
        entry = self.sandbox.journal.note(request, payment)
        exchange = HandlerExchange(self, entry, lambda: route.answer(self.sandbox, request, args))
        if fault := self.sandbox.faults.strike(route.place, payment):
            entry.fault = fault.kind
            respond_with(exchange, fault)
        else:
            exchange.send(exchange.work())

    def send(self, answer: Response) -> None:
        self.wfile.write(answer.to_bytes(close=self.close_connection))

    def read_request(self) -> Request:
        path, _, query = self.path.partition("?")
        return Request(self.command, path, dict(parse_qsl(query)), self.headers, self.read_body())

    def read_body(self) -> bytes:
        """The whole body. A refusal closes the connection: the start of the next request would be unknown."""
        length = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers or not LENGTH.fullmatch(length):
            self.close_connection = True
            raise Refused(411, "length_required", "Send the body with a Content-Length.")
        if int(length) > LONGEST_BODY:
            self.close_connection = True
            self.drain(min(int(length), LONGEST_DRAIN))
            raise Refused(413, "too_large", f"The body is longer than {LONGEST_BODY} bytes.")
        return self.rfile.read(int(length)) if length != "0" else b""

    def drain(self, length: int) -> None:
        while length > 0 and (chunk := self.rfile.read(min(length, LONGEST_BODY))):
            length -= len(chunk)

    def send_error(self, code: int, message: str | None = None, _explain: str | None = None) -> None:
        """The base class refuses lines that are not HTTP, and unknown methods."""
        self.close_connection = True
        self.send(Refused(code, "bad_request", message or "This is not a proper request.").answer())

    def log_message(self, *_: Any) -> None:
        """No line per request: a thousand lines a second would measure the terminal. The request log has them all."""


class HandlerExchange:
    """A request of the merchant API, as a `fault_responses.Exchange`; writes its status to the request log."""

    def __init__(self, handler: Handler, entry: Entry, work: Callable[[], Response]) -> None:
        self._handler, self._entry, self._work = handler, entry, work

    def work(self) -> Response:
        answer = self._work()
        self._entry.payment = self._entry.payment or answer.about
        return answer

    def send(self, answer: Response) -> None:
        self._entry.status = answer.status
        self._handler.send(answer)

    def send_head(self, answer: Response, length: int) -> None:
        self._entry.status = answer.status
        self._handler.close_connection = True
        self.write(answer.head(length, close=True))

    def write(self, data: bytes) -> None:
        self._handler.wfile.write(data)

    def pause(self, seconds: float) -> None:
        if self._handler.sandbox.stopping.wait(seconds):
            raise Closed

    def hang_up(self) -> None:
        self._handler.close_connection = True

    def reset(self) -> None:
        """Close both files on the socket, or the operating system keeps it open."""
        self._handler.close_connection = True
        self._handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_ZERO)
        self._handler.rfile.close()
        self._handler.connection.close()
