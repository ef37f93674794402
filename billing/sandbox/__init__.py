"""The sandbox: a payment provider that ships with the project, so the shop can be tried without an account.

It is a real HTTP server with its own storage. Like an external provider it imports nothing of the shop and nothing of
Django, and the shop knows only its address. It has three sets of routes:

- for the shop, with its key: `merchant.py` (`/v1/...`)
- for the buyer, in a browser: `buyer.py` (`/pay/...`)
- for tests and drills, without a key: `control.py` (`/control/...`), to make it slow, silent, forgetful or dishonest,
  and to do what banks and people do at a real one: end a transfer, refund by hand, open and decide disputes

By hand: `python -m billing.sandbox --port 8100`, and for example

    curl -X POST http://127.0.0.1:8100/control/payments/sb_…/disputes -d '{"reason": "fraudulent"}'
    curl -X POST http://127.0.0.1:8100/control/disputes/dp_… -d '{"status": "lost"}'

In a test:

    with SandboxServer() as sandbox:
        sandbox.fault("status", "delay", delay_ms=50)
        requests.get(f"{sandbox.url}/v1/payments/...")
"""

import threading
from functools import partial
from pathlib import Path
from typing import Self

from billing.sandbox.handler import Handler, Listener
from billing.sandbox.sandbox import Sandbox
from config.hosts import host_and_port

STOP_POLL_S = 0.05
"""How often the server checks whether it must stop."""


class SandboxServer(Sandbox):
    """The sandbox behind an address, in its own threads. Starts and stops once.

    `port=0` takes a free port; `url` is known after the start. `public_url` is the address that buyers see, if the
    server is behind another one. Raises CannotListen, and sqlite3.Error if the database file is not one.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        database: str | Path | None = None,
        api_key: str = "sandbox-key",
        callback_secret: str = "sandbox-secret",  # noqa: S107 - public, protects no money  # nosec B107
        public_url: str = "",
    ) -> None:
        super().__init__(database, api_key, callback_secret)
        self._address, self._public_url = (host, port), public_url.rstrip("/")

    def start(self) -> Self:
        try:
            self._listener = Listener(self._address, type("BoundHandler", (Handler,), {"sandbox": self}))
        except BaseException:
            self.storage.close()
            raise
        self.url = self._public_url or f"http://{host_and_port(self._address[0], self._listener.server_port)}"
        self.webhooks.start()
        for work in (self._watch_expiries, partial(self._listener.serve_forever, STOP_POLL_S)):
            threading.Thread(target=work, name="sandbox", daemon=True).start()
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

    def __exit__(self, *_: object) -> None:
        self.stop()
