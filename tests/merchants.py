"""A merchant of the sandbox provider over real HTTP: what it asks and controls, and a shop that keeps callbacks."""

import json
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any

import requests

from billing.sandbox import SandboxServer
from config.hosts import host_and_port, listen
from tests.stack.ports import HANG_S, LOOPBACK

Json = dict[str, Any]

KEY = {"Authorization": "Bearer sandbox-key"}
HOSTILE = "<script>alert(1)</script>\"'&$title${x}"

fresh_keys = (f"key-{number}" for number in count())


class Shop:
    """A shop that keeps every callback it gets and answers with `status`, after `pause_s`."""

    def __init__(self, host: str = LOOPBACK) -> None:
        self.events: list[Json] = []
        self.raw: list[tuple[bytes, str]] = []
        self.hosts: list[str] = []
        self.status, self.pause_s = 200, 0.0
        self.server = ThreadingHTTPServer((host, 0), self.handler(), bind_and_activate=False)
        self.server.socket.close()
        self.server.socket = listen(host, 0)
        self.server.daemon_threads = True
        self.port = self.server.socket.getsockname()[1]
        self.url = f"http://{host_and_port(host, self.port)}/callback?shop=1"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def handler(shop) -> type[BaseHTTPRequestHandler]:  # noqa: N805 - `self` is the handler's
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                shop.raw.append((body, self.headers["Sandbox-Signature"]))
                shop.hosts.append(self.headers["Host"])
                shop.events.append(json.loads(body))
                time.sleep(shop.pause_s)
                self.send_response(shop.status)
                self.send_header("Location", shop.url)
                self.end_headers()

            def log_message(self, *_: Any) -> None: ...

        return Handler

    @property
    def types(self) -> list[str]:
        return [event["type"] for event in self.events]

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


def order(**changes: Any) -> Json:
    return {
        "amount": {"value": "12.50", "currency": "EUR"},
        "reference": "order-7",
        "description": "Two cups",
        "return_url": "http://shop.invalid/thanks?order=7#top",
        "callback_url": "",
        **changes,
    }


def post(sandbox: SandboxServer, path: str, body: Json, key: str | None = None) -> requests.Response:
    headers = KEY | {"Idempotency-Key": key or next(fresh_keys)}
    return requests.post(sandbox.url + path, json=body, headers=headers, timeout=HANG_S)


def get(sandbox: SandboxServer, path: str, timeout: float = HANG_S, **params: Any) -> requests.Response:
    return requests.get(sandbox.url + path, params=params, headers=KEY, timeout=timeout, allow_redirects=False)


def create(sandbox: SandboxServer, **changes: Any) -> str:
    answer = post(sandbox, "/v1/payments", order(**changes))
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def ask(sandbox: SandboxServer, payment_id: str, timeout: float = HANG_S) -> requests.Response:
    return get(sandbox, f"/v1/payments/{payment_id}", timeout)


def press(sandbox: SandboxServer, payment_id: str, action: str, **fields: str) -> requests.Response:
    form = {"action": action, **fields}
    return requests.post(f"{sandbox.url}/pay/{payment_id}", data=form, timeout=HANG_S, allow_redirects=False)


def control(sandbox: SandboxServer, method: str, path: str, body: Json | None = None) -> Json:
    answer = requests.request(method, f"{sandbox.url}/control/{path}", json=body, timeout=HANG_S)
    assert answer.ok, answer.text
    document: Json = answer.json()
    return document


def eventually(holds: Callable[[], object], within_s: float = HANG_S) -> None:
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


def port_of(sandbox: SandboxServer) -> int:
    return int(sandbox.url.rpartition(":")[2])


def error_code(answer: requests.Response) -> str:
    error = answer.json()["error"]
    assert error.keys() - {"parameter"} == {"code", "message"}
    return str(error["code"])


def refund(sandbox: SandboxServer, payment_id: str, value: str, key: str | None = None) -> requests.Response:
    body = {"amount": {"value": value, "currency": "EUR"}}
    return post(sandbox, f"/v1/payments/{payment_id}/refunds", body, key)


def paid(sandbox: SandboxServer, shop: Shop) -> str:
    payment_id = create(sandbox, callback_url=shop.url)
    sandbox.act(payment_id, "pay")
    return payment_id
