"""The shop behind nginx as it will be deployed, and whoever comes from outside."""

import socket
import ssl
import subprocess
import sys
from contextlib import ExitStack
from typing import Any

import psycopg
import requests
import trustme

from billing.sandbox.webhook_delivery import signature
from tests.plugin import postgres
from tests.stack.nginx import OPERATORS, Nginx
from tests.stack.ports import HANG_S, LOOPBACK, free_port, wait_until
from tests.stack.processes import Program
from tests.system.house import ROOT, START_S, http

KEY, SECRET = "a-key-of-our-own", "a-secret-of-our-own"
CALLBACKS_PER_S = 10


class Front:
    """nginx, gunicorn behind it in production's settings, and whoever comes from outside."""

    def __init__(self, exits: ExitStack, database: str = "behind_nginx", **settings: str) -> None:
        """`settings` are changes of the shop's environment."""
        self._exits = exits
        self.limits = {"callbacks_per_second": CALLBACKS_PER_S}
        """Others than the shipped ones."""
        self.nginx = Nginx()
        exits.callback(self.nginx.close)
        self.authority = trustme.CA()
        self.trusted = self.nginx.lend("authority.pem", self.authority.cert_pem.bytes())
        self.web_port = free_port()
        self.url = f"https://localhost:{self.nginx.tls_port}"
        self.environment = {
            "PRODUCTION": "yes",
            "SHOP_URL": self.url,
            "SECRET_KEY": "only-for-tests-" * 5,
            "VAR_DIR": str(self.nginx.directory / "our var;"),
            "DATABASE_URL": postgres().create_database(database),
            "BROKER_URL": f"amqp://till:secret@{LOOPBACK}:{free_port()}",
            "EMAIL_HOST": LOOPBACK,
            "EMAIL_FROM": "Till <till@localhost>",
            "SANDBOX_API_KEY": KEY,
            "SANDBOX_CALLBACK_SECRET": SECRET,
            "TRUSTED_PROXIES": LOOPBACK,
            **settings,
        }
        self.web = self._web()

    def open(self) -> "Front":
        """Prepare what a release prepares, start both, and wait until a page comes through."""
        self.manage("migrate", "--verbosity", "0")
        self.manage("collectstatic", "--noinput", "--verbosity", "0")
        self.configure()
        self._exits.enter_context(self.web)
        self._exits.enter_context(self.nginx)
        wait_until(lambda: self.get("/").ok, "a page came through", START_S)
        return self

    def configure(self, operators: bytes = OPERATORS, **limits: int) -> None:
        """Write the site, with these rules about who may see the admin, and these limits instead of the usual ones."""
        limits = self.limits | limits
        words = [f"--{name.replace('_', '-')}={limit}" for name, limit in limits.items()]
        site = self.manage(*self.nginx.words(f"{LOOPBACK}:{self.web_port}", self.authority, operators), *words)
        self.nginx.configure(site)

    def manage(self, *words: str) -> str:
        """A management command, as the operator types it."""
        done = subprocess.run(
            [sys.executable, "manage.py", *words],
            cwd=ROOT, env=self.environment, text=True, capture_output=True, timeout=HANG_S, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    def ask(self, method: str, path: str, **options: Any) -> requests.Response:
        """One request from outside, over TLS; a redirect is not followed."""
        with http() as client:
            options = {"timeout": 30, "allow_redirects": False, "verify": str(self.trusted), **options}
            return client.request(method, self.url + path, **options)

    def get(self, path: str, **options: Any) -> requests.Response:
        """From outside, over TLS."""
        return self.ask("GET", path, **options)

    def post(self, path: str, data: Any = None, **options: Any) -> requests.Response:
        """From outside, over TLS."""
        return self.ask("POST", path, data=data, **options)

    def callback(self, body: bytes, **headers: str) -> requests.Response:
        """As the sandbox provider signs it."""
        signed = {"Sandbox-Signature": signature(SECRET, body), "Content-Type": "application/json", **headers}
        return self.post("/callbacks/sandbox/", body, headers=signed)

    def tls(self, server_name: str = "localhost", source: str = LOOPBACK, host: str = LOOPBACK) -> ssl.SSLSocket:
        """A bare connection from this address, for what no client would send."""
        trusting = ssl.create_default_context()
        self.authority.configure_trust(trusting)
        plain = socket.create_connection((host, self.nginx.tls_port), 30, (source, 0))
        return trusting.wrap_socket(plain, server_hostname=server_name)

    def serving(self) -> set[int]:
        """The processes that answer, without the one that only watches them."""
        return {process.pid for process in self.web.members()} - {self.web.pid}

    def senders(self) -> dict[bytes, str]:
        """The callbacks that the shop has stored, and who sent them."""
        with psycopg.connect(self.environment["DATABASE_URL"]) as connection:
            rows = connection.execute("SELECT body, host(sender) FROM billing_callback").fetchall()
        return {bytes(body): sender for body, sender in rows}

    def _web(self) -> Program:
        bind = f"{LOOPBACK}:{self.web_port}"
        options = ["--worker-class", "gthread", "--threads", "8", "--worker-tmp-dir", str(self.nginx.directory)]
        command = [sys.executable, "-m", "gunicorn", "config.wsgi", "--bind", bind, *options, "--no-control-socket"]
        return Program("gunicorn", command, self.environment, ROOT)
