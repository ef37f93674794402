"""The shop in containers: the file as compose itself reads it, and its commands with its environment, but no engine.

Images cannot be pulled here, so what the images bring along is taken from this machine.
"""

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from config.env import reference
from tests.stack.ports import HANG_S, LOOPBACK, wait_until
from tests.stack.programs import find_alertmanager, find_compose, find_promtool
from tests.system.composed import HERE, Host, make_secrets
from tests.system.house import ROOT, csrf_token

ENDS = {"prepare"}
"""Services that do their work and end."""

OURS = ("prepare", "web", "worker", "scheduler", "sandbox")
PUBLIC = {"nginx"}

VERSION = r":v?\d+\.\d+(\.\d+)?(-[\w-]+)?(@sha256:[0-9a-f]{64})?$"

DOCKER = """\
#!/bin/sh
# Answers as the engine does, for `docker buildx imagetools inspect --format {{.Manifest.Digest}} IMAGE`.
test "$1 $2 $3" = "buildx imagetools inspect" || exit 9
case "$6" in *broken*) exit 1;; esac
echo "sha256:$(printf %s "$6" | sha256sum | cut -d' ' -f1)"
"""

JOBS = {"web", "worker", "scheduler", "rabbitmq"}

WATCHED_S = 90.0
"""Patience until Prometheus has asked everybody: it does so every 10 s."""


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
        assert re.fullmatch(r"\d+m|1g|1073741824", str(service["mem_limit"])), name
        assert 0 < service["pids_limit"] <= 512, name


def test_every_image_is_pinned(composed: dict[str, Any]) -> None:
    """To a whole version, and by `make pin-images` to its content; only our own is built here."""
    foreign = [service["image"] for name, service in services(composed) if name not in OURS]
    foreign += re.findall(r"^FROM (\S+)", (HERE / "Dockerfile").read_text(), re.MULTILINE)

    assert all(re.search(VERSION, image) for image in foreign), foreign
    assert {service["image"] for name, service in services(composed) if name in OURS} == {"tillkeeper:local"}


@pytest.fixture
def pinned(tmp_path: Path) -> Callable[[], "subprocess.CompletedProcess[str]"]:
    """`make pin-images` on a copy of the files; the engine is one that needs no network."""
    for name in ("compose.yml", "Dockerfile"):
        (tmp_path / name).write_text((HERE / name).read_text())
    (tmp_path / "docker").write_text(DOCKER)
    (tmp_path / "docker").chmod(0o755)
    command: list[str | Path] = [sys.executable, HERE / "pin_images.py", tmp_path]
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    return lambda: subprocess.run(command, env=environment, text=True, capture_output=True, check=False)


def test_images_are_pinned_to_what_their_tags_mean_now(
    tmp_path: Path, pinned: Callable[[], "subprocess.CompletedProcess[str]"]
) -> None:
    """Each one, and ours is left alone; a second time changes nothing, and a new tag gets a new digest."""
    assert pinned().returncode == 0
    text = (tmp_path / "compose.yml").read_text() + (tmp_path / "Dockerfile").read_text()
    images = re.findall(r"^(?:FROM|\s+image:) (\S+)", text, re.MULTILINE)
    foreign = [image for image in images if not image.startswith("tillkeeper:")]
    assert len(foreign) >= 8
    assert all(re.search(VERSION.replace("64})?", "64})"), image) for image in foreign), foreign
    assert pinned().returncode == 0
    assert text == (tmp_path / "compose.yml").read_text() + (tmp_path / "Dockerfile").read_text()

    compose = tmp_path / "compose.yml"
    old = re.findall(r"postgres:15.8-bookworm@(\S+)", compose.read_text())
    compose.write_text(compose.read_text().replace("postgres:15.8", "postgres:15.9"))
    assert pinned().returncode == 0
    assert re.findall(r"postgres:15.9-bookworm@(\S+)", compose.read_text()) not in (old, [])


def test_an_image_that_cannot_be_found_changes_no_file(
    tmp_path: Path, pinned: Callable[[], "subprocess.CompletedProcess[str]"]
) -> None:
    """Half a set of pins would look like a whole one."""
    compose = tmp_path / "compose.yml"
    compose.write_text(compose.read_text().replace("axllent/mailpit", "axllent/broken"))
    before = compose.read_text()

    done = pinned()

    assert done.returncode == 1
    assert done.stderr.startswith("docker cannot find axllent/broken:")
    assert compose.read_text() == before


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


def test_the_certificate_is_as_strong_as_the_rest(tmp_path: Path) -> None:
    """128 bits (ASVS 5.0.0, 11.2.3): a key of RSA would need 3,072 bits."""
    make_secrets(tmp_path)
    shown = ["openssl", "x509", "-in", str(tmp_path / "certificate"), "-noout", "-text"]
    assert "NIST CURVE: P-256" in subprocess.run(shown, check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `prepare` makes of the shipped monitoring."""
    directory = tmp_path_factory.mktemp("monitoring")
    subprocess.run([sys.executable, HERE / "monitoring.py", directory], check=True)
    return directory


def test_monitoring_asks_for_services_of_the_file(composed: dict[str, Any], rendered: Path) -> None:
    """Every address that is told to Prometheus and Grafana is that of a service; the receiver is this host."""
    files = [file for file in rendered.rglob("*.yml") if file.name not in ("alerts.yml", "recording.yml")]
    told = set(re.findall(r"(?:\"|http://)([\w.-]+):\d+", "".join(file.read_text() for file in files)))
    known = set(composed["services"]) | {
        entry.partition(separator)[0]
        for entry in composed["services"]["alertmanager"]["extra_hosts"]
        for separator in ":="
        if separator in entry
    }

    assert told >= {"web", "worker", "scheduler", "rabbitmq", "prometheus", "alertmanager"}
    assert told <= known


def test_monitoring_has_the_shipped_rules(rendered: Path) -> None:
    """To the letter: only addresses may differ, and rules have none."""
    for name in ("alerts.yml", "recording.yml"):
        assert (rendered / "prometheus" / name).read_text() == (ROOT / "deploy/prometheus" / name).read_text()
    shipped = {file.name for file in (ROOT / "deploy/grafana/dashboards").iterdir()}
    assert {file.name for file in (rendered / "grafana/dashboards").iterdir()} == shipped
    [provider] = yaml.safe_load((rendered / "grafana/provisioning/dashboards/tillkeeper.yml").read_text())["providers"]
    assert provider["options"]["path"] == "/etc/monitoring/grafana/dashboards"


@pytest.mark.parametrize(
    "check",
    [
        lambda: [find_promtool(), "check", "config", "prometheus.yml"],
        lambda: [find_alertmanager().with_name("amtool"), "check-config", "alertmanager.yml"],
    ],
    ids=["prometheus", "alertmanager"],
)
def test_their_own_tools_accept_what_was_rendered(rendered: Path, check: Callable[[], list[str | Path]]) -> None:
    """promtool and amtool."""
    done = subprocess.run(check(), cwd=rendered / "prometheus", capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


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

    requests.post(pay_url, {"action": "pay", "stay": "1"}, timeout=HANG_S).raise_for_status()

    wait_until(lambda: any("ann@example.com" in mail.recipients for mail in host.mail.messages), "the mail came")


@pytest.mark.parametrize("name", ["web", "sandbox", "worker", "scheduler", "prometheus", "alertmanager"])
def test_the_health_checks_say_so(host: Host, name: str) -> None:
    """The very words of the file."""
    wait_until(lambda: host.healthy(name), f"{name} was healthy")


@pytest.mark.campaign
def test_prometheus_hears_from_everybody(host: Host) -> None:
    """Every job of the shipped file answers; Alertmanager is told of the dead-man's switch, which always fires."""

    def up() -> set[str]:
        return {one["labels"]["job"] for one in host.watchers("targets")["activeTargets"] if one["health"] == "up"}

    wait_until(lambda: host.healthy("prometheus") and host.healthy("alertmanager"), "both answered")
    wait_until(lambda: up() == JOBS, "everybody had answered", WATCHED_S, pause_s=1)
    wait_until(lambda: host.watchers("alertmanagers")["activeAlertmanagers"], "it knew whom to tell", WATCHED_S)
    told = f"http://{LOOPBACK}:{host.ports['alertmanager']}/api/v2/alerts"
    wait_until(lambda: host.visitor().get(told).json(), "Alertmanager had been told", WATCHED_S, pause_s=1)
