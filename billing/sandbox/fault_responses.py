"""The response of each kind of fault: another answer, a false value in the true answer, or a broken connection."""

import json
import socket
import struct
import threading
from collections.abc import Callable
from decimal import Decimal
from http.server import BaseHTTPRequestHandler

from billing.sandbox.faults import Fault, Params
from billing.sandbox.messages import HTML, Refused, Response
from billing.sandbox.payment import Json
from billing.sandbox.storage import Closed, Entry

CHUNK_BYTES = 65_536

# SO_LINGER on, zero seconds: closing the socket sends a reset.
LINGER_ZERO = struct.pack("ii", 1, 0)


class Exchange:
    """One request of the shop, not answered yet: the fault decides how it is answered. Notes its status in the log."""

    def __init__(
        self, handler: BaseHTTPRequestHandler, stopping: threading.Event, entry: Entry, work: Callable[[], Response]
    ) -> None:
        self._handler, self._stopping, self._entry, self._work = handler, stopping, entry, work

    def work(self) -> Response:
        """Process the request and return the true answer, without sending it."""
        answer = self._work()
        self._entry.payment = self._entry.payment or answer.about
        return answer

    def send(self, answer: Response) -> None:
        self._entry.status = answer.status
        self.write(answer.to_bytes(close=self._handler.close_connection))

    def write(self, data: bytes) -> None:
        self._handler.wfile.write(data)

    def pause(self, seconds: float) -> None:
        """Wait. Raises `Closed` if the sandbox stops meanwhile: the caller is disconnected, not answered."""
        if self._stopping.wait(seconds):
            raise Closed

    def hang_up(self) -> None:
        """Close the connection when the exchange is over."""
        self._handler.close_connection = True

    def delay(self, params: Params) -> None:
        self.pause(params["delay_ms"] / 1000)
        self.send(self.work())

    def hang(self, params: Params) -> None:
        self.pause(params["hang_s"])
        self.hang_up()

    def drip(self, params: Params) -> None:
        """Send the true answer byte by byte, from the status line on."""
        answer = self.work()
        for byte in answer.to_bytes():
            self.write(bytes([byte]))
            self.pause(params["drip_ms"] / 1000)

    def lose_answer(self, _params: Params) -> None:
        self.work()
        self.hang_up()

    def oversize(self, params: Params) -> None:
        answer, left = Response(200), int(params["size_bytes"])
        self._entry.status = answer.status
        self.hang_up()
        self.write(answer.head(left, close=True))
        while left > 0:
            self.write(b"0" * min(left, CHUNK_BYTES))
            left -= CHUNK_BYTES

    def reset(self, _params: Params) -> None:
        """Break the connection with a TCP reset. Both files must be closed, or the system keeps the socket open."""
        self.hang_up()
        self._handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_ZERO)
        self._handler.rfile.close()
        self._handler.connection.close()


def respond_with(exchange: Exchange, fault: Fault) -> None:
    if replacement := REPLACEMENTS.get(fault.kind):
        exchange.send(replacement(fault.params))
    elif lie := FALSE_ANSWERS.get(fault.kind):
        exchange.send(altered_by(lie, exchange.work()))
    else:
        WIRE_FAULTS[fault.kind](exchange, fault.params)


def altered_by(lie: Callable[[Json], Json], answer: Response) -> Response:
    """The true answer, with the false value in each of its objects; a refusal is not changed."""
    if answer.status >= 300:
        return answer
    document = json.loads(answer.body)
    lists = {name: [lie(each) for each in value] for name, value in document.items() if isinstance(value, list)}
    document = document | lists if lists else lie(document)
    return Response(answer.status, json.dumps(document).encode(), about=answer.about)


def too_many(params: Params) -> Response:
    answer = Refused(429, "too_many_requests", "Slow down.").answer()
    return Response(429, answer.body, headers=(("Retry-After", f"{params['retry_after_s']:g}"),))


# Sent instead of processing the request.
REPLACEMENTS: dict[str, Callable[[Params], Response]] = {
    "status_429": too_many,
    "status_500": lambda _: Refused(500, "internal_error", "Something broke in here.").answer(),
    "status_502_html": lambda _: Response(502, b"<html><h1>502 Bad Gateway</h1></html>", HTML),
    "html": lambda _: Response(200, b"<!doctype html><title>Maintenance</title><p>We are back soon.", HTML),
    "not_json": lambda _: Response(200, b'{"status": "succeeded'),
    "redirect": lambda params: Response(302, headers=(("Location", params["location"]),)),
    "not_found": lambda _: Refused(404, "not_found", "There is no such payment.").answer(),
    "invalid_request": lambda _: Refused(422, "invalid_request", "receipt.items is missing.", "receipt.items").answer(),
    "unauthorized": lambda _: Refused(401, "unauthorized", "This key is not known.").answer(),
}


def wrong_amount(document: Json) -> Json:
    amount = document["amount"]
    return document | {"amount": amount | {"value": str(Decimal(amount["value"]) + Decimal("1.00"))}}


def wrong_currency(document: Json) -> Json:
    amount = document["amount"]
    return document | {"amount": amount | {"currency": "USD" if amount["currency"] != "USD" else "EUR"}}


# The request is processed; one value of the answer is false.
FALSE_ANSWERS: dict[str, Callable[[Json], Json]] = {
    "wrong_amount": wrong_amount,
    "wrong_currency": wrong_currency,
    "wrong_reference": lambda document: document | {"reference": "somebody-else-1"},
    "unknown_status": lambda document: document | {"status": "levitating"},
}


# Faults of the connection, for any answer.
WIRE_FAULTS: dict[str, Callable[[Exchange, Params], None]] = {
    "delay": Exchange.delay,
    "hang": Exchange.hang,
    "drip": Exchange.drip,
    "reset": Exchange.reset,
    "lost_answer": Exchange.lose_answer,
    "oversized": Exchange.oversize,
}
