"""Where the programs live that we do not bring along; `python -m tests.stack.programs` installs them."""

import fcntl
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

POSTGRES_HOMES = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql*/bin")
# Never /usr/sbin/rabbitmq-server: that is a wrapper which changes user and stays between us and the server.
RABBITMQ_HOMES = ("/usr/lib/rabbitmq/bin", "/usr/lib/rabbitmq/lib/*/sbin", "/opt/homebrew/opt/rabbitmq/sbin")
ERLANG_HOMES = ("/usr/lib/erlang/bin", "/usr/lib/erlang/erts-*/bin", "/opt/homebrew/opt/erlang/bin")

FAKETIME = ("/usr/lib/*/faketime/libfaketimeMT.so.1", "/usr/lib64/faketime/libfaketimeMT.so.1")

INSTALL = ("apt-get", "install", "-y", "--no-install-recommends")

# Debian asks this program before it starts the service of a new package; 101 means "do not".
POLICY = Path("/usr/sbin/policy-rc.d")
FORBID_SERVICES = "#!/bin/sh\nexit 101\n"

LOCK = Path("/run/tillkeeper-install.lock")
EPMD_PORT = 4369


class MissingProgram(Exception):
    """A program is not installed; the message says how to install it."""


@dataclass(frozen=True)
class Part:
    """A program we need and do not bring along."""

    name: str
    package: str
    find: Callable[[], Path]

    @property
    def missing(self) -> bool:
        try:
            self.find()
        except MissingProgram:
            return True
        return False


def find_postgres() -> Path:
    """Return the directory of initdb and postgres, of the newest version there is."""
    return _with("postgres", [*_newest_first(POSTGRES_HOMES), *_pg_config()], "PostgreSQL", "postgresql")


def find_rabbitmq() -> Path:
    """Return the script that becomes the server."""
    home = _with("rabbitmq-server", _newest_first(RABBITMQ_HOMES), "RabbitMQ", "rabbitmq-server")
    return home / "rabbitmq-server"


def find_epmd() -> Path:
    """Return Erlang's name server, which comes with RabbitMQ."""
    return _with("epmd", [*_newest_first(ERLANG_HOMES), *_on_path("epmd")], "Erlang", "rabbitmq-server") / "epmd"


def find_chromium() -> Path:
    """Return the browser."""
    return _first_on_path("Chromium", "chromium", "chromium", "chromium-browser", "google-chrome")


def find_prometheus() -> Path:
    """Return the server; `find_promtool` is beside it."""
    return _first_on_path("Prometheus", "prometheus", "prometheus")


def find_promtool() -> Path:
    """Return what checks pages and rules; it comes with Prometheus."""
    return _first_on_path("promtool", "prometheus", "promtool")


def find_nginx() -> Path:
    """Return the server; Debian keeps it where only root's path looks."""
    return (
        _with("nginx", [*_on_path("nginx"), Path("/usr/sbin"), Path("/usr/local/sbin")], "nginx", "nginx-light")
        / "nginx"
    )


def find_compose() -> Path:
    """Return the program that reads compose files; it needs no engine for that."""
    return _with("docker-compose", _on_path("docker-compose"), "Docker Compose", "docker-compose") / "docker-compose"


def find_systemd() -> Path:
    """Return the program that judges units; systemd need not run."""
    return _with("systemd-analyze", _on_path("systemd-analyze"), "systemd", "systemd") / "systemd-analyze"


def find_faketime() -> Path:
    """Return the library that a program with another clock is started with."""
    found = next(iter(sorted(path for pattern in FAKETIME for path in Path("/").glob(pattern.lstrip("/")))), None)
    if found is None:
        raise _missing("libfaketime", "libfaketime")
    return found


def find_alertmanager() -> Path:
    """Return the program that sends alerts to people; Debian has given it a longer name."""
    names = ("prometheus-alertmanager", "alertmanager")
    return _first_on_path("Alertmanager", "prometheus-alertmanager", *names)


PARTS = {
    "postgres": Part("PostgreSQL", "postgresql", find_postgres),
    "rabbitmq": Part("RabbitMQ", "rabbitmq-server", find_rabbitmq),
    "nginx": Part("nginx", "nginx-light", find_nginx),
    "compose": Part("Docker Compose", "docker-compose", find_compose),
    "systemd": Part("systemd", "systemd", find_systemd),
    "chromium": Part("Chromium", "chromium", find_chromium),
    "prometheus": Part("Prometheus", "prometheus", find_prometheus),
    "faketime": Part("libfaketime", "libfaketime", find_faketime),
    "alertmanager": Part("Alertmanager", "prometheus-alertmanager", find_alertmanager),
}


def ensure(*names: str) -> None:
    """Install what is missing if we may (as root on Debian); otherwise say what is missing."""
    parts = [PARTS[name] for name in names]
    if any(part.missing for part in parts) and _may_install():
        with _one_at_a_time():
            _install([part.package for part in parts if part.missing])
    for part in parts:
        part.find()


def _with(program: str, homes: list[Path], name: str, package: str) -> Path:
    for home in homes:
        if (home / program).exists():
            return home
    raise _missing(name, package)


def _newest_first(patterns: tuple[str, ...]) -> list[Path]:
    """Expand the patterns; version 15 is newer than 9."""
    found = [path for pattern in patterns for path in Path("/").glob(pattern.lstrip("/"))]
    return sorted(found, key=_version, reverse=True)


def _version(path: Path) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", str(path))]


def _pg_config() -> list[Path]:
    """Ask pg_config: the `postgres` on the path may be a wrapper."""
    if not shutil.which("pg_config"):
        return []
    answer = subprocess.run(["pg_config", "--bindir"], capture_output=True, text=True, check=True)
    return [Path(answer.stdout.strip())]


def _on_path(program: str) -> list[Path]:
    found = shutil.which(program)
    return [Path(found).parent] if found else []


def _first_on_path(name: str, package: str, *programs: str) -> Path:
    found = next(filter(None, map(shutil.which, programs)), None)
    if found is None:
        raise _missing(name, package)
    return Path(found)


def _missing(name: str, package: str) -> MissingProgram:
    return MissingProgram(f"{name} is not installed. Install it with: sudo {' '.join(INSTALL)} {package}")


def _may_install() -> bool:
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Let a second run wait for the first one; it then finds everything installed."""
    with LOCK.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _install(packages: list[str]) -> None:
    """Install packages without letting Debian start, or leave behind, a public server."""
    if not packages:
        return
    print(f"Installing {', '.join(packages)} …", file=sys.stderr)
    before = _epmd_pid()
    with _no_services():
        _apt_get("update")
        _apt_get(*INSTALL[1:], *packages)
    if (left_behind := _epmd_pid()) and not before:
        psutil.Process(left_behind).terminate()


def _apt_get(*arguments: str) -> None:
    silent = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(["apt-get", *arguments], env=silent, capture_output=True, text=True, check=False)
    if done.returncode:
        raise MissingProgram(f"apt-get {' '.join(arguments)} failed:\n{done.stderr}")


@contextmanager
def _no_services() -> Iterator[None]:
    """Put our policy in the place of the machine's own, if it has one, for a while."""
    own = POLICY.rename(POLICY.with_suffix(".own")) if POLICY.exists() else None
    try:
        POLICY.write_text(FORBID_SERVICES)
        POLICY.chmod(0o755)
        yield
    finally:
        POLICY.unlink()
        if own:
            own.rename(POLICY)


def _epmd_pid() -> int | None:
    """Return who listens on Erlang's usual port: RabbitMQ's package starts an epmd there, on all addresses."""
    listeners = [one for one in psutil.net_connections("tcp") if one.status == psutil.CONN_LISTEN]
    return next((one.pid for one in listeners if getattr(one.laddr, "port", None) == EPMD_PORT), None)


if __name__ == "__main__":
    try:
        ensure(*PARTS)
    except MissingProgram as missing:
        sys.exit(str(missing))
