"""The same shop behind nginx, as shipped: people come over TLS, each from an address of their own."""

from collections.abc import Mapping
from pathlib import Path

import requests
import trustme

from tests.chaos.browser import browser
from tests.chaos.notes import Notes
from tests.chaos.stack import Stack
from tests.stack.nginx import OPERATORS, Nginx
from tests.stack.ports import LOOPBACK


class FrontedStack(Stack):
    """A running shop behind nginx."""

    def __init__(self, directory: Path, notes: Notes, times: Mapping[str, str]) -> None:
        super().__init__(directory, notes, times=times)
        self.nginx, self._authority = Nginx(), trustme.CA()
        self._exits.callback(self.nginx.close)
        self.trusted = str(self.nginx.lend("authority.pem", self._authority.cert_pem.bytes()))
        self._var = self.nginx.directory / "var"
        self._var.mkdir(mode=0o755)  # as in production: nginx reads the static files there
        self.shop_url = f"https://localhost:{self.nginx.tls_port}"

    def environment(self, part: str) -> dict[str, str]:
        """`SSL_CERT_FILE`: the provider trusts the shop's certificate, or no callback comes."""
        changes = {"TRUSTED_PROXIES": LOOPBACK, "SSL_CERT_FILE": str(self.trusted), "VAR_DIR": str(self._var)}
        return super().environment(part) | changes

    def browser_of(self, customer: int) -> requests.Session:
        """From an address that no other customer has."""
        return browser(self.trusted, f"127.{1 + customer // 62_500}.{customer // 250 % 250}.{customer % 250 + 1}")

    def _add_programs(self) -> None:
        super()._add_programs()
        self.manage("collectstatic", "--noinput", "--verbosity", "0", via="direct")
        words = self.nginx.words(self.web_address, self._authority, OPERATORS)
        self.nginx.configure(self.manage(*words, via="direct"))
        self.parts["nginx"] = self.nginx
