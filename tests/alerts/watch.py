"""Whoever watches a house: Prometheus and Alertmanager as they are shipped, and somebody whom they can call.

Of the shipped files only addresses are changed, so what is tried is what is shipped: every expression, every `for`, how
often is asked, and how long Alertmanager gathers before it calls.
"""

import json
import threading
import time
from collections.abc import Iterator, Mapping, Set
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import requests
import yaml

from tests.monitoring import PROMETHEUS, document
from tests.stack.ports import LOOPBACK, free_port, wait_until
from tests.stack.processes import Program
from tests.stack.programs import find_alertmanager
from tests.stack.prometheus import Prometheus
from tests.stack.server import Server
from tests.system.house import House, http

SCRAPED_S = 60.0
"""Patience until each part was asked once."""

SHIPPED_RECEIVERS = "http://127.0.0.1:9095"


@dataclass(frozen=True)
class Call:
    """One alert, as it reached somebody."""

    receiver: str
    alert: str
    status: str
    labels: Mapping[str, str]
    at: float


class Receiver:
    """Who is called: keeps what it hears."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self._server = ThreadingHTTPServer((LOOPBACK, free_port()), self._handler())
        self.url = f"http://{LOOPBACK}:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Nobody is there any more."""
        self._server.shutdown()
        self._server.server_close()

    def hear(self, receiver: str, message: dict[str, Any]) -> None:
        """Alertmanager's webhook, version 4."""
        for alert in message["alerts"]:
            labels = alert["labels"]
            self.calls.append(Call(receiver, labels["alertname"], alert["status"], labels, time.monotonic()))

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.hear(self.path.strip("/"), json.loads(body))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """The calls are kept."""

        return Handler


class Alertmanager(Server):
    """With the shipped configuration, calling our receiver."""

    def __init__(self, receivers: str) -> None:
        self._receivers = receivers
        super().__init__(None, None)

    def _program(self) -> Program:
        options = [
            f"--config.file={self.directory / 'alertmanager.yml'}",
            f"--storage.path={self.directory / 'data'}",
            f"--web.listen-address={LOOPBACK}:{self.port}",
            "--cluster.listen-address=",  # it is alone
        ]
        return Program("Alertmanager", [find_alertmanager(), *options], cwd=self.directory)

    def _prepare(self) -> None:
        shipped = (PROMETHEUS / "alertmanager.yml").read_text()
        (self.directory / "alertmanager.yml").write_text(shipped.replace(SHIPPED_RECEIVERS, self._receivers))

    def _greets(self) -> bool:
        return _is_ready(f"http://{LOOPBACK}:{self.port}/-/ready")


class Watching(Prometheus):
    """With the shipped configuration and rules; jobs that the house has no address of are left out."""

    def __init__(self, targets: dict[str, str], alertmanager: str) -> None:
        self._alertmanager = alertmanager
        super().__init__(targets)

    def firing(self) -> set[str]:
        """The alerts that fire now."""
        return {sample["metric"]["alertname"] for sample in self.query('ALERTS{alertstate="firing"}')}

    def _prepare(self) -> None:
        shipped = document("prometheus.yml")
        shipped["rule_files"] = [str(PROMETHEUS / name) for name in shipped["rule_files"]]
        shipped["alerting"]["alertmanagers"] = [{"static_configs": [{"targets": [self._alertmanager]}]}]
        shipped["scrape_configs"] = [
            {**job, "static_configs": [{"targets": [self.targets[job["job_name"]]]}]}
            for job in shipped["scrape_configs"]
            if job["job_name"] in self.targets
        ]
        (self.directory / "prometheus.yml").write_text(yaml.safe_dump(shipped))


@dataclass(frozen=True)
class Watch:
    """Everybody together."""

    prometheus: Watching
    receiver: Receiver

    def seconds_until_called(self, alert: str, since: float, timeout_s: float) -> float:
        """How long after `since` (time.monotonic) somebody was called about it. Raises TimeoutError."""
        wait_until(lambda: self.called(alert, since), f"somebody was called about {alert}", timeout_s, pause_s=0.2)
        return self.called(alert, since)[0].at - since

    def called(self, alert: str, since: float) -> list[Call]:
        """The calls about it since then, the first one first."""
        firing = [call for call in self.receiver.calls if call.status == "firing" and call.at >= since]
        return [call for call in firing if call.alert == alert]

    def told_of(self, since: float) -> set[str]:
        """Every alert that somebody was called about since then."""
        return {call.alert for call in self.receiver.calls if call.status == "firing" and call.at >= since}

    def wait_until_silent(self, alerts: Set[str], timeout_s: float) -> None:
        """None of these alerts fires. Raises TimeoutError with those that do."""
        try:
            wait_until(lambda: not self._firing(alerts), "nothing fired", timeout_s, pause_s=1)
        except TimeoutError as still:
            raise TimeoutError(f"{still} These do: {', '.join(sorted(self._firing(alerts)))}.") from None

    def _firing(self, alerts: Set[str]) -> set[str]:
        return self.prometheus.firing() & alerts


@contextmanager
def watching(house: House) -> Iterator[Watch]:
    """Watch a house whose parts run."""
    receiver = Receiver()
    try:
        with Alertmanager(receiver.url) as alertmanager:
            targets = {part: house.metrics_address(part) for part in ("web", "worker", "scheduler")}
            targets["rabbitmq"] = house.rabbitmq.prometheus_url.split("/")[2]
            with Watching(targets, f"{LOOPBACK}:{alertmanager.port}") as prometheus:
                wait_until(lambda: len(prometheus.query("up == 1")) == len(targets), "all was scraped", SCRAPED_S)
                yield Watch(prometheus, receiver)
    finally:
        receiver.close()


def _is_ready(url: str) -> bool:
    try:
        with http() as browser:
            return browser.get(url, timeout=2).ok
    except requests.RequestException:
        return False
