"""The shop in containers: the file as compose itself reads it, and its commands with its environment, but no engine.

Images cannot be pulled here, so what the images bring along is taken from this machine.
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psycopg
import pytest
import requests
import yaml
from psycopg import sql

from config import reference
from tests.stack.mail import MailServer
from tests.stack.nginx import Nginx
from tests.stack.ports import LOOPBACK, free_port, wait_until
from tests.stack.postgres import Postgres
from tests.stack.processes import Program
from tests.stack.programs import find_compose
from tests.stack.rabbitmq import RabbitMQ
from tests.system.house import ROOT, START_S, csrf_token

HERE = ROOT / "deploy/compose"
ENDS = {"prepare"}
"""Services that do their work and end."""

OURS = ("prepare", "web", "worker", "scheduler", "sandbox")
PUBLIC = {"nginx"}

PLACES = ("/var/lib/tillkeeper", "/var/lib/sandbox", "/etc/nginx/site")
"""Volumes of ours."""


@pytest.fixture(scope="module")
def composed() -> dict[str, Any]:
    """The file as compose understands it: anchors, defaults and environment files resolved."""
    done = subprocess.run(
        [find_compose(), "--file", HERE / "compose.yml", "config"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = yaml.safe_load(done.stdout)
    return found


def services(composed: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    yield from composed["services"].items()


def test_every_container_is_confined(composed: dict[str, Any]) -> None:
    """Nobody is root, nobody gains rights, and no disk can be written to but what is named."""
    for name, service in services(composed):
        assert service["read_only"], name
        assert service["user"] not in ("", "root", "0", "0:0"), name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name


def test_every_image_is_pinned(composed: dict[str, Any]) -> None:
    """To a whole version; only our own is built here."""
    foreign = [service["image"] for name, service in services(composed) if name not in OURS]

    assert all(re.search(r":v?\d+\.\d+(\.\d+)?(-\w+)?$", image) for image in foreign), foreign
    assert {service["image"] for name, service in services(composed) if name in OURS} == {"tillkeeper:local"}


def test_everything_that_stays_is_looked_after(composed: dict[str, Any]) -> None:
    """A health check each, and a restart."""
    for name, service in services(composed):
        assert (name in ENDS) or "healthcheck" in service, name
        assert service["restart"] != "no", name


def test_only_nginx_is_open_to_other_machines(composed: dict[str, Any]) -> None:
    """Everything else that has a page shows it to this host alone."""
    for name, service in services(composed):
        for port in service.get("ports", []):
            assert name in PUBLIC or str(port).startswith("127.0.0.1:"), (name, port)


def test_every_setting_is_one(composed: dict[str, Any]) -> None:
    """A name that is written wrongly would be a default in silence."""
    known = set(reference.names())
    for name in OURS:
        for variable in composed["services"][name].get("environment", {}):
            assert variable.removesuffix("_FILE") in known | {"SSL_CERT"}, f"{name}: {variable}"


def test_every_secret_is_made(composed: dict[str, Any], tmp_path: Path) -> None:
    """Once: a second run changes nothing, or the shop would be locked out of its own database."""
    make_secrets(tmp_path)
    made = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    make_secrets(tmp_path)

    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == made
    assert set(composed["secrets"]) <= set(made)


class Host:
    """The services of the file, started in its order on this machine; only addresses and places differ."""

    def __init__(self, composed: dict[str, Any], directory: Path, exits: ExitStack) -> None:
        self._composed, self._directory, self._exits = composed, directory, exits
        self.secrets = directory / "secrets"
        make_secrets(self.secrets, "--host", "localhost")
        self.mail = exits.enter_context(MailServer())
        self.nginx = Nginx()
        exits.callback(self.nginx.close)
        for place in PLACES:
            (self.nginx.directory / Path(place).name).mkdir()
        self._lent = self._lend()
        self.ports = {name: free_port() for name in ("web", "sandbox", "worker", "scheduler")}
        self.url = f"https://localhost:{self.nginx.tls_port}"

    def open(self) -> "Host":
        """As `make up` does."""
        postgres, rabbitmq = Postgres(), RabbitMQ()
        rabbitmq.load(json.loads((self.secrets / "rabbitmq-definitions").read_text()))
        self._exits.enter_context(rabbitmq)
        self._create_database(self._exits.enter_context(postgres))
        self._move({"postgres:5432": f"{LOOPBACK}:{postgres.port}", "rabbitmq:5672": f"{LOOPBACK}:{rabbitmq.port}"})
        assert self._program("prepare").start().wait(120) == 0, self.logs("prepare")
        for name in ("sandbox", "web", "worker", "scheduler"):
            self._exits.enter_context(self._program(name))
        self.nginx.configure((self.nginx.directory / "site/tillkeeper.conf").read_text())
        self._exits.enter_context(self.nginx)
        wait_until(lambda: self.visitor().get(self.url).ok, "a page came through", START_S)
        return self

    def logs(self, name: str) -> str:
        return (self._directory / f"{name}.log").read_text()

    def visitor(self) -> requests.Session:
        """Somebody who trusts the certificate that was made."""
        session = requests.Session()
        session.trust_env, session.verify = False, str(self.secrets / "certificate")
        return session

    def healthy(self, name: str) -> bool:
        """What the service's own health check says."""
        _cmd, _python, *words = self._composed["services"][name]["healthcheck"]["test"]
        words = [self._here(word) for word in words]
        return subprocess.run([sys.executable, *words], cwd=ROOT, check=False, capture_output=True).returncode == 0

    def _program(self, name: str) -> Program:
        service = self._composed["services"][name]
        binaries = Path(sys.executable).parent
        environment = {key: self._here(str(value)) for key, value in service["environment"].items()}
        environment |= {"PATH": f"{binaries}:/usr/bin:/bin", "EMAIL_HOST": LOOPBACK, "EMAIL_PORT": str(self.mail.port)}
        first, *words = [
            self._script(word) if word.endswith(".sh") else self._here(word) for word in service["command"]
        ]
        program = binaries / first
        command = [program if program.exists() else first, *words]
        return Program(name, command, environment, ROOT, self._directory / f"{name}.log")

    def _script(self, path: str) -> str:
        """A copy of it with the places of this machine."""
        copy = self._directory / Path(path).name
        copy.write_text(self._here((ROOT / path).read_text()))
        return str(copy)

    def _here(self, text: str) -> str:
        """Longer names first: an address goes before a host without its port."""
        places = self._places()
        names = "|".join(re.escape(name) for name in sorted(places, key=len, reverse=True))
        return re.sub(names, lambda found: places[found[0]], text)

    def _places(self) -> dict[str, str]:
        web, sandbox = (f"{LOOPBACK}:{self.ports[name]}" for name in ("web", "sandbox"))
        return {
            "/run/secrets": str(self.secrets),
            **{place: str(self.nginx.directory / Path(place).name) for place in PLACES},
            **self._lent,
            "shop.localhost:8443": f"localhost:{self.nginx.tls_port}",
            "shop.localhost": "localhost",
            "sandbox.localhost:8100": sandbox,
            "8100": str(self.ports["sandbox"]),
            "127.0.0.1:8100": sandbox,
            "web:8000": web,
            "0.0.0.0:8000": web,
            "127.0.0.1:8000": web,
            "0.0.0.0": LOOPBACK,  # noqa: S104 (what is replaced)
            "http 8080": f"http {LOOPBACK}:{self.nginx.port}",
            "https 8443": f"https {LOOPBACK}:{self.nginx.tls_port}",
            "172.28.80.0/24": LOOPBACK,
        }

    def _lend(self) -> dict[str, str]:
        """What nginx reads as well, whose user is nobody."""
        names = ("certificate", "certificate-key")
        lent = {f"/run/secrets/{name}": self.nginx.lend(name, (self.secrets / name).read_bytes()) for name in names}
        lent["/etc/nginx/operators.conf"] = self.nginx.lend("operators.conf", (HERE / "operators.conf").read_bytes())
        return {there: str(here) for there, here in lent.items()}

    def _create_database(self, postgres: Postgres) -> None:
        """As the image does from its environment."""
        password = (self.secrets / "postgres-password").read_text().strip()
        with psycopg.connect(postgres.url, autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE ROLE till LOGIN PASSWORD {}").format(sql.Literal(password)))
            connection.execute("CREATE DATABASE shop OWNER till")

    def _move(self, addresses: dict[str, str]) -> None:
        for name in ("database-url", "broker-url"):
            path = self.secrets / name
            for there, here in addresses.items():
                path.write_text(path.read_text().replace(there, here))


def make_secrets(directory: Path, *words: str) -> None:
    """As `make up` does."""
    command: list[str | Path] = [sys.executable, HERE / "make_secrets.py", "--directory", directory, *words]
    subprocess.run(command, check=True, capture_output=True)


@pytest.fixture(scope="module")
def host(composed: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    with ExitStack() as exits:
        yield Host(composed, tmp_path_factory.mktemp("compose"), exits).open()


def test_a_customer_buys(host: Host) -> None:
    """Through nginx and TLS, at the sandbox, and the confirmation arrives where all mails do."""
    visitor = host.visitor()
    page = visitor.get(host.url)
    product = re.findall(r'name="product" value="(\d+)">\s*<button class="button" type="submit">', page.text)[0]
    referer = {"Referer": f"{host.url}/"}
    form = {"product": product, "csrfmiddlewaretoken": csrf_token(page)}
    assert visitor.post(f"{host.url}/cart/add/", form, headers=referer).ok
    page = visitor.get(f"{host.url}/checkout/")
    form = {
        "email": "ann@example.com",
        "name": "Ann",
        "address": "1 Main Street",
        "csrfmiddlewaretoken": csrf_token(page),
    }
    placed = visitor.post(f"{host.url}/checkout/", form, headers=referer, allow_redirects=False)
    pay_url = placed.headers["Location"]
    assert pay_url.startswith(f"http://{LOOPBACK}:{host.ports['sandbox']}/pay/")

    requests.post(pay_url, {"action": "pay", "stay": "1"}, timeout=5).raise_for_status()

    wait_until(lambda: any("ann@example.com" in mail.recipients for mail in host.mail.messages), "the mail came", 60)


@pytest.mark.parametrize("name", ["web", "sandbox"])
def test_the_health_checks_say_so(host: Host, name: str) -> None:
    """The very words of the file."""
    wait_until(lambda: host.healthy(name), f"{name} was healthy", 20)
