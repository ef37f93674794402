"""What the stand-ins share: an HTTP server, books for each pair of keys, stored answers, and mischief on demand."""

import json
import socket
import struct
import threading
import time
from abc import ABC, abstractmethod
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

Json = dict[str, Any]


@dataclass(frozen=True)
class Request:
    """One request, as it came."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    """By names in lower case."""
    body: bytes

    @property
    def authorization(self) -> str:
        return self.headers.get("authorization", "")

    def json(self) -> Json:
        """Only what is declared as JSON; anything else is none."""
        declared = self.headers.get("content-type", "").partition(";")[0] == "application/json"
        found = json.loads(self.body) if declared and self.body else {}
        return found if isinstance(found, dict) else {}

    def form(self) -> dict[str, str]:
        """Only what is declared as a form."""
        declared = self.headers.get("content-type", "").partition(";")[0] == "application/x-www-form-urlencoded"
        return dict(parse_qsl(self.body.decode(), strict_parsing=bool(self.body))) if declared else {}


@dataclass(frozen=True)
class Reply:
    status: int
    body: Json = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def raw(self) -> bytes:
        return json.dumps(self.body).encode()


class No(Exception):
    """The contract does not allow this request."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.status)
        self.reply = reply


class Book:
    """What one account has at the provider, and what was answered under its idempotency keys."""

    def __init__(self) -> None:
        self.payments: dict[str, Json] = {}
        self.refunds: dict[str, Json] = {}
        self.disputes: dict[str, Json] = {}
        self.answers: dict[tuple[str, str], tuple[bytes, Reply]] = {}


class StandIn(ABC):
    """Runs in threads of this process. `page` is the longest list it answers, however long a one was asked for."""

    page = 100

    def __init__(self, *keys: str) -> None:
        """`keys`: the headers Authorization of the accounts that exist."""
        self.books = {key: Book() for key in keys}
        self.requests: list[Request] = []
        self.calls: Counter[str] = Counter()
        self.mischief: deque[Callable[[Handler, Request], None]] = deque()
        self.lock = threading.RLock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"stand_in": self}))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()

    @abstractmethod
    def work(self, request: Request, book: Book) -> Reply:
        """Do what was asked, as the contract says. Raises No where the contract says no."""

    @abstractmethod
    def complaint(self, status: int, *, parameter: str = "") -> Reply:
        """The contract's error for this status."""

    def book(self, request: Request) -> Book:
        """The account that the key opens."""
        if request.authorization not in self.books:
            raise No(self.complaint(401))
        return self.books[request.authorization]

    def is_about_money(self, request: Request) -> bool:
        """Mischief strikes these requests only."""
        return True

    def answer(self, request: Request) -> Reply:
        """Whatever is wrong with a request ends here."""
        try:
            with self.lock:
                self.requests.append(request)
                self.calls[request.authorization] += 1
                return self.work(request, self.book(request))
        except No as no:
            return no.reply

    def once(self, book: Book, request: Request, key: str, work: Callable[[], Reply], clash: Reply) -> Reply:
        """The first answer under the key, for the same request; another request under it is a clash."""
        known = book.answers.get((request.path, key))
        if known is None:
            reply = work()
            book.answers[request.path, key] = request.body, reply
            return reply
        return known[1] if known[0] == request.body else clash


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    stand_in: StandIn

    def handle_one(self) -> None:
        address = urlsplit(self.path)
        request = Request(
            method=self.command,
            path=address.path,
            query=dict(parse_qsl(address.query)),
            headers={name.lower(): value for name, value in self.headers.items()},
            body=self.rfile.read(int(self.headers.get("Content-Length") or 0)),
        )
        if self.stand_in.mischief and self.stand_in.is_about_money(request):
            self.stand_in.mischief.popleft()(self, request)
        else:
            self.reply(self.stand_in.answer(request))

    do_GET = do_POST = handle_one  # noqa: N815 - the names are http.server's

    def reply(self, reply: Reply) -> None:
        headers = {"Content-Type": "application/json", "Content-Length": str(len(reply.raw))}
        self.send(reply.status, headers | reply.headers, reply.raw)

    def send(self, status: int, headers: dict[str, str], body: bytes) -> None:
        """In one write, so that nothing waits for an acknowledgement."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self._headers_buffer.append(b"\r\n" + body)  # type: ignore[attr-defined]
        self.flush_headers()

    def hang_up(self) -> None:
        """A reset, not a polite end."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()

    def log_message(self, *_: Any) -> None: ...


# --- mischief -------------------------------------------------------------------------------------------------------


def as_ever(handler: Handler, request: Request) -> None:
    """This one goes well; the next one is meant."""
    handler.reply(handler.stand_in.answer(request))


def saying(reply: Reply) -> Callable[[Handler, Request], None]:
    """This, instead of doing the work."""
    return lambda handler, _: handler.reply(reply)


def failing_after(reply: Reply) -> Callable[[Handler, Request], None]:
    """The work is done, and this is said of it."""

    def mischief(handler: Handler, request: Request) -> None:
        handler.stand_in.answer(request)
        handler.reply(reply)

    return mischief


def lose_answer(handler: Handler, request: Request) -> None:
    handler.stand_in.answer(request)
    handler.hang_up()


def hang(handler: Handler, _: Request) -> None:
    time.sleep(1.5)
    handler.hang_up()


def drip(handler: Handler, request: Request) -> None:
    """Byte by byte, from the status line on, for far longer than anybody should wait."""
    raw = handler.stand_in.answer(request).raw
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(raw)}\r\n\r\n"
    try:
        for byte in (head.encode() + raw)[:60]:
            handler.wfile.write(bytes([byte]))
            handler.wfile.flush()
            time.sleep(0.05)
    except OSError:
        pass  # the caller has left, as it should
    handler.close_connection = True


def html(handler: Handler, _: Request) -> None:
    raw = b"<!doctype html><title>Maintenance</title><p>We are back soon."
    handler.send(200, {"Content-Type": "text/html", "Content-Length": str(len(raw))}, raw)


def bad_gateway(handler: Handler, _: Request) -> None:
    raw = b"<html><h1>502 Bad Gateway</h1></html>"
    handler.send(502, {"Content-Type": "text/html", "Content-Length": str(len(raw))}, raw)


def half_json(handler: Handler, request: Request) -> None:
    raw = handler.stand_in.answer(request).raw[:-2]
    handler.send(200, {"Content-Type": "application/json", "Content-Length": str(len(raw))}, raw)


def oversized(handler: Handler, _: Request) -> None:
    handler.send(200, {"Content-Type": "application/json", "Content-Length": "50000000"}, b"0" * 100_000)
    handler.close_connection = True


def redirect(handler: Handler, _: Request) -> None:
    handler.send(302, {"Location": f"{handler.stand_in.url}/elsewhere", "Content-Length": "0"}, b"")


def nothing(handler: Handler, _: Request) -> None:
    """An object with nothing in it."""
    handler.reply(Reply(200))
