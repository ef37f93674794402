"""A release as `make install` lays it out, with the settings of the house, for tests of systemd and supervisor."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.stack.ports import LOOPBACK, free_port
from tests.system.house import ROOT, House

SECRETS = {
    "SECRET_KEY": "secret-key",
    "DATABASE_URL": "database-url",
    "DATABASE_OWNER_URL": "database-owner-url",
    "BROKER_URL": "broker-url",
}
NOT_SHARED = {
    "PATH",
    "LANG",
    "VAR_DIR",
    "LOG_FILE",
    "METRICS_PORT",
    "SCHEDULER_METRICS_PORT",
    *SECRETS,
}


class Installed:
    """Below `root`, where everybody may read; `ports` of the parts that may be asked."""

    def __init__(self, root: Path) -> None:
        self.root, self.etc = root, root / "etc/tillkeeper"
        self.ports = {name: free_port() for name in ("worker-urgent", "worker-routine", "scheduler-1")}

    def lay_out(self, release: str, python: str | None = None, umask: int = -1) -> "subprocess.CompletedProcess[str]":
        """`make install`, without make, which would look after this checkout's own environment first."""
        install, root = str(ROOT / "deploy/install.py"), str(self.root)
        command = [sys.executable, install, root, release, "--python", python or _python()]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=600, umask=umask)

    def configure(self, house: House) -> None:
        """What an operator writes into the files of /etc/tillkeeper."""
        for name, file in SECRETS.items():
            (self.etc / "secrets" / file).write_text(house.environment[name])
        with (self.etc / "tillkeeper.env").open("a") as settings:
            shared = {name: value for name, value in house.environment.items() if name not in NOT_SHARED}
            shared["PAYMENT_API_TIMEOUT_S"] = "10"  # a job under way may take its time
            settings.write("PRODUCTION=no\n")  # in the place of yes: the house speaks HTTP, without nginx
            settings.writelines(f'{name}="{value}"\n' for name, value in shared.items())
        bind = house.url.removeprefix("http://")
        (self.etc / "web.env").write_text(f"WEB_BIND={bind}\nWEB_CONCURRENCY=1\n")
        for name, port in self.ports.items():
            setting = "SCHEDULER_METRICS_PORT" if name.startswith("scheduler") else "METRICS_PORT"
            (self.etc / f"{name}.env").write_text(f"{setting}={port}\n")

    def url(self, name: str) -> str:
        """Where the part may be asked."""
        return f"http://{LOOPBACK}:{self.ports[name]}"


@contextmanager
def installed(house: House) -> Iterator[Installed]:
    """A release of this checkout; not below pytest's own directory, which only its user can read."""
    with tempfile.TemporaryDirectory(prefix="tillkeeper-root-") as directory:
        os.chmod(directory, 0o755)  # noqa: S103 (others run it)
        release = Installed(Path(directory))
        done = release.lay_out("1.0")
        assert done.returncode == 0, done.stderr
        release.configure(house)
        yield release


def _python() -> str:
    """One that an unprivileged user can run too: that of this checkout may lie in somebody's home."""
    system = shutil.which("python3", path="/usr/bin:/usr/local/bin") if os.geteuid() == 0 else None
    return system or sys.executable
