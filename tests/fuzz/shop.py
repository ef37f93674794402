"""The shop that is fuzzed: gunicorn as in production, PostgreSQL, the sandbox provider, and rows of every model."""

import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import django
import requests

from billing.sandbox import SandboxServer
from tests.stack.ports import HANG_S, LOOPBACK, free_port, wait_until
from tests.stack.postgres import Postgres
from tests.stack.processes import Program

ERRORS = re.compile(r"""^.*"level": "error".*$|^Traceback .*\n(?:[ ].*\n)*.*$""", re.MULTILINE)

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Shop:
    """A running shop. This process uses its database and its key too."""

    port: int
    web: Program

    def errors(self) -> list[str]:
        """Lines of the log about errors, and tracebacks that gunicorn wrote."""
        return ERRORS.findall(self.web.output())


@contextmanager
def running() -> Iterator[Shop]:
    """A shop with an empty database; nothing of it is left behind."""
    with tempfile.TemporaryDirectory(prefix="fuzz-") as var, Postgres() as postgres, SandboxServer() as provider:
        postgres.create_database("shop")
        port = free_port()
        os.environ |= _settings(var, postgres.url_of("shop"), provider.url, port)
        django.setup()
        with _web(port) as web:
            yield Shop(port, web)


def _settings(var: str, database: str, provider: str, port: int) -> dict[str, str]:
    return {
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "VAR_DIR": var,
        "DATABASE_URL": database,
        "BROKER_URL": "",
        "SHOP_URL": f"http://{LOOPBACK}:{port}",
        "SANDBOX_URL": provider,
        "SECRET_KEY": "only-for-tests-" * 5,
        "EMAIL_HOST": "",
        "LOG_STYLE": "json",
    }


@contextmanager
def _web(port: int) -> Iterator[Program]:
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    call_command("demoshop", "--quiet")
    command = [sys.executable, "-m", "gunicorn", "config.wsgi", "-c", "deploy/gunicorn.conf.py"]
    options = ["--bind", f"{LOOPBACK}:{port}", "--worker-class", "gthread", "--threads", "8", "--no-control-socket"]
    with Program("web", [*command, *options], dict(os.environ), ROOT) as web:
        wait_until(lambda: _answers(port) or not web.alive, "the shop answered", HANG_S)
        yield web


def _answers(port: int) -> bool:
    try:
        return requests.get(f"http://{LOOPBACK}:{port}/readyz", timeout=5).ok
    except requests.RequestException:
        return False
