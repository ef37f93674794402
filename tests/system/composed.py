"""The services of deploy/compose started on this machine: their commands and their environment, but no engine."""

import json
import re
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import requests

from tests.stack.mail import MailServer
from tests.stack.nginx import Nginx
from tests.stack.ports import HANG_S, LOOPBACK, free_port, wait_until
from tests.stack.postgres import Postgres
from tests.stack.processes import Program
from tests.stack.programs import find_alertmanager, find_prometheus
from tests.stack.rabbitmq import RabbitMQ
from tests.system.house import ROOT, START_S

HERE = ROOT / "deploy/compose"

PLACES = ("/var/lib/tillkeeper", "/var/lib/sandbox", "/etc/nginx/site", "/etc/monitoring")
"""Volumes of ours."""

ENTRY_POINTS = {"prometheus": find_prometheus, "alertmanager": find_alertmanager}
"""Programs that the images run, and this machine has; compose.yml adds their options."""


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
        self.ports = {name: free_port() for name in ("web", "sandbox", "worker", "scheduler", *ENTRY_POINTS)}
        self.url = f"https://localhost:{self.nginx.tls_port}"

    def open(self) -> "Host":
        """As `make up` does."""
        postgres, rabbitmq = Postgres(), RabbitMQ(plugins=["rabbitmq_prometheus"])
        self.ports["rabbitmq"] = urlsplit(rabbitmq.prometheus_url).port or 0
        rabbitmq.load(json.loads((self.secrets / "rabbitmq-definitions").read_text()))
        self._exits.enter_context(rabbitmq)
        self._create_database(self._exits.enter_context(postgres))
        self._move({"postgres:5432": f"{LOOPBACK}:{postgres.port}", "rabbitmq:5672": f"{LOOPBACK}:{rabbitmq.port}"})
        assert self._program("prepare").start().wait(HANG_S) == 0, self.logs("prepare")
        for name in ("sandbox", "web", "worker", "scheduler"):
            self._exits.enter_context(self._program(name))
        self.nginx.configure((self.nginx.directory / "site/tillkeeper.conf").read_text())
        self._exits.enter_context(self.nginx)
        wait_until(lambda: self.visitor().get(self.url).ok, "a page came through", START_S)
        for file in (self.nginx.directory / "monitoring").rglob("*.yml"):
            file.write_text(self._here(file.read_text()))
        for name in ENTRY_POINTS:
            self._exits.enter_context(self._program(name))
        return self

    def logs(self, name: str) -> str:
        return (self._directory / f"{name}.log").read_text()

    def visitor(self) -> requests.Session:
        """Somebody who trusts the certificate that was made."""
        session = requests.Session()
        session.trust_env, session.verify = False, str(self.secrets / "certificate")
        return session

    def healthy(self, name: str) -> bool:
        """What the service's own health check says; those of foreign images ask an address, too."""
        _cmd, program, *words = self._composed["services"][name]["healthcheck"]["test"]
        words = [self._here(word) for word in words]
        script = words if program == "python" else ["deploy/compose/healthy.py", words[-1]]
        return subprocess.run([sys.executable, *script], cwd=ROOT, check=False, capture_output=True).returncode == 0

    def watchers(self, path: str) -> Any:
        """What Prometheus has to tell, by its HTTP interface."""
        return self.visitor().get(f"http://{LOOPBACK}:{self.ports['prometheus']}/api/v1/{path}").json()["data"]

    def _program(self, name: str) -> Program:
        service = self._composed["services"][name]
        binaries = Path(sys.executable).parent
        environment = {key: self._here(str(value)) for key, value in service.get("environment", {}).items()}
        environment |= {"PATH": f"{binaries}:/usr/bin:/bin", "EMAIL_HOST": LOOPBACK, "EMAIL_PORT": str(self.mail.port)}
        entry_point = [str(ENTRY_POINTS[name]())] if name in ENTRY_POINTS else []
        said = [self._script(word) if word.endswith(".sh") else self._here(word) for word in service["command"]]
        first, *words = [*entry_point, *said]
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
            **self._watched_places(),
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
            "/dev/stdout": str(self.nginx.directory / "access.log"),
        }

    def _watched_places(self) -> dict[str, str]:
        """Where each is asked by whoever watches, and where those keep what they hear."""
        asked = {"worker": 9191, "scheduler": 9192, "rabbitmq": 15692, "prometheus": 9090, "alertmanager": 9093}
        here = {name: str(self.ports[name]) for name in asked if name in self.ports}
        hosts = {
            f"{host}:{asked[name]}": f"{LOOPBACK}:{port}"
            for name, port in here.items()
            for host in (name, "127.0.0.1", "0.0.0.0")  # noqa: S104 (what is replaced)
        }
        bare = {str(asked[name]): port for name, port in here.items()}
        kept = {f"=/{name}": f"={self._directory / name}" for name in ENTRY_POINTS}
        return {**hosts, **bare, **kept}

    def _lend(self) -> dict[str, str]:
        """What nginx reads as well, whose user is nobody."""
        names = ("certificate", "certificate-key")
        lent = {f"/run/secrets/{name}": self.nginx.lend(name, (self.secrets / name).read_bytes()) for name in names}
        lent["/etc/nginx/operators.conf"] = self.nginx.lend("operators.conf", (HERE / "operators.conf").read_bytes())
        return {there: str(here) for there, here in lent.items()}

    def _create_database(self, postgres: Postgres) -> None:
        """As the image does from its environment and its directory of SQL."""
        with psycopg.connect(postgres.create_database("shop")) as connection:
            connection.execute((self.secrets / "database-roles").read_bytes())

    def _move(self, addresses: dict[str, str]) -> None:
        for name in ("database-url", "database-owner-url", "broker-url"):
            path = self.secrets / name
            for there, here in addresses.items():
                path.write_text(path.read_text().replace(there, here))


def make_secrets(directory: Path, *words: str) -> None:
    """As `make up` does."""
    command: list[str | Path] = [sys.executable, HERE / "make_secrets.py", "--directory", directory, *words]
    subprocess.run(command, check=True, capture_output=True)
