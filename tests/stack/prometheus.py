"""A private Prometheus, and its own judgement of a page."""

import json
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import ProxyHandler, build_opener

from tests.stack.ports import HANG_S, LOOPBACK
from tests.stack.processes import Program
from tests.stack.programs import find_prometheus, find_promtool
from tests.stack.server import Server

DURATION = "dramatiq_message_duration_milliseconds"
"""Dramatiq's own name, of a time that is not in base units. promtool complains about it; dashboards need it."""


class Prometheus(Server):
    """Scrapes each target every second."""

    def __init__(self, targets: dict[str, str], directory: Path | None = None, port: int | None = None) -> None:
        """`targets` are addresses (host:port) by their job's name."""
        self.targets = targets
        super().__init__(directory, port)

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The samples (`metric`, `value`) that the expression has now."""
        with _direct.open(f"{self.url}/api/v1/query?{urlencode({'query': expression})}", timeout=10) as answer:
            found: list[dict[str, Any]] = json.load(answer)["data"]["result"]
        return found

    def _program(self) -> Program:
        options = [
            f"--config.file={self.directory / 'prometheus.yml'}",
            f"--storage.tsdb.path={self.directory / 'data'}",
            f"--web.listen-address={LOOPBACK}:{self.port}",
        ]
        return Program("Prometheus", [find_prometheus(), *options], cwd=self.directory)

    def _prepare(self) -> None:
        jobs = [
            {"job_name": name, "static_configs": [{"targets": [address]}]} for name, address in self.targets.items()
        ]
        configuration = {"global": {"scrape_interval": "1s"}, "scrape_configs": jobs}
        (self.directory / "prometheus.yml").write_text(json.dumps(configuration))  # JSON is YAML

    def _greets(self) -> bool:
        try:
            with _direct.open(f"{self.url}/-/ready", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False


def complaints(page: str) -> str:
    """What promtool has to say against a page; empty: nothing."""
    done = subprocess.run(
        [find_promtool(), "check", "metrics"], input=page, capture_output=True, text=True, timeout=HANG_S, check=False
    )
    return (done.stdout + done.stderr).strip()


_direct = build_opener(ProxyHandler({}))
