"""The embedded shop as `make run` starts it, on free ports and thrown away; used by browser and system tests."""

import os
import re
import sys
import urllib.request
from pathlib import Path

import requests

from tests.stack.ports import HANG_S, LOOPBACK, free_port, wait_until
from tests.stack.processes import Program

ROOT = Path(__file__).parent.parent
NOT_OURS = ("DATABASE_URL", "LOG_STYLE")


class Embedded:
    """Addresses and data stay the same from start to start."""

    def __init__(self, var: Path, mail_port: int | None = None, host: str = LOOPBACK, **settings: str) -> None:
        """Without the port of a mail server, mails become files."""
        self.url = f"http://{host}:{free_port()}"
        self.sandbox_url = f"http://{host}:{free_port()}"
        self.environment = {
            **{name: value for name, value in os.environ.items() if name not in NOT_OURS},
            "VAR_DIR": str(var),
            "SHOP_URL": self.url,
            "SANDBOX_URL": self.sandbox_url,
            "UNPAID_ORDERS_PER_CUSTOMER": "1000",  # one visitor of a test places orders of all kinds
            **({"EMAIL_PORT": str(mail_port)} if mail_port else {"EMAIL_HOST": ""}),
            **settings,
        }
        self.program = self.manage("runlocal")

    def prepare(self) -> None:
        """The database and something to sell."""
        for command in (["migrate", "-v0"], ["demoshop", "--quiet"]):
            with self.manage(*command) as program:
                assert program.wait(HANG_S) == 0, program.output()

    def start(self) -> None:
        """Start, and return once it serves pages."""
        self.program.start()
        wait_until(lambda: self._answers() or not self.program.alive, "the shop answered")
        assert self.program.alive, self.program.output()

    def manage(self, *command: str) -> Program:
        """One of Django's commands, with this shop's settings."""
        return Program(command[0], [sys.executable, "manage.py", *command], self.environment, cwd=ROOT)

    def check_out(self) -> str:
        """A customer orders the first product; returns the address that the browser is sent to."""
        visitor = requests.Session()
        page = visitor.get(self.url, timeout=HANG_S).text
        product = re.findall(r'name="product" value="(\d+)">\s*<button class="button" type="submit">', page)[0]
        added = {"product": product, "csrfmiddlewaretoken": token(page)}
        visitor.post(f"{self.url}/cart/add/", added, timeout=HANG_S).raise_for_status()
        form = {"email": "ann@example.com", "name": "Ann", "address": "1 Main Street"}
        form["csrfmiddlewaretoken"] = token(visitor.get(f"{self.url}/checkout/", timeout=HANG_S).text)
        placed = visitor.post(f"{self.url}/checkout/", form, allow_redirects=False, timeout=HANG_S)
        return placed.headers["Location"]

    def state(self, order: str) -> str:
        """What the order page shows."""
        return str(requests.get(f"{self.url}/orders/{order}/state.json", timeout=HANG_S).json()["state"])

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False


def token(page: str) -> str:
    """The one in the page's form."""
    found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
    assert found
    return found.group(1)
