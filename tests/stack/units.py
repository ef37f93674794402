"""systemd's units, read and run without systemd: the same command, environment, user, credentials and signals.

What systemd would do beside that (the sandbox) is judged by `systemd-analyze`. Paths are moved below the root that the
release was laid out in.
"""

import os
import pwd
import re
import shlex
import shutil
import signal
import subprocess
from pathlib import Path

from tests.stack.processes import Program
from tests.stack.systemd import Notified

UNITS = Path("etc/systemd/system")
MOVED = re.compile(r"(?<![\w/])/(?=(?:opt|etc|var|run)/)")
"""Paths below these stand below the root."""

NOBODY = "nobody"


class Unit:
    """One unit with its drop-ins, like `tillkeeper-worker@urgent.service`."""

    def __init__(self, root: Path, name: str) -> None:
        self.root, self.name = root, name
        self.instance = name.partition("@")[2].removesuffix(".service")
        template = re.sub(r"@.*\.", "@.", name)
        self._files = [root / UNITS / template, *sorted((root / UNITS / "tillkeeper-.service.d").glob("*.conf"))]

    def values(self, key: str) -> list[str]:
        """All values of a key, in the order in which systemd reads them; an empty one forgets those before it."""
        found: list[str] = []
        for line in "\n".join(file.read_text() for file in self._files).splitlines():
            if line.startswith(f"{key}="):
                value = self._specified(line.partition("=")[2])
                found = [*found, value] if value else []
        return found

    def value(self, key: str) -> str:
        """The last one."""
        return self.values(key)[-1]

    @property
    def seconds_to_stop(self) -> float:
        """After so long systemd kills."""
        return float(self.value("TimeoutStopSec"))

    def environment(self, systemd: Notified) -> dict[str, str]:
        """All of it: `Environment=`, over it the files, and what systemd adds."""
        said = dict(pair.split("=", 1) for line in self.values("Environment") for pair in shlex.split(line))
        for file in self.values("EnvironmentFile"):
            said |= _settings_in(Path(file.removeprefix("-")), needed=not file.startswith("-"))
        added = {"PATH": "/usr/local/bin:/usr/bin:/bin", "CREDENTIALS_DIRECTORY": str(self._credentials)}
        return {**said, **added, **systemd.environment(float(self.value("WatchdogSec")))}

    def program(self, systemd: Notified, log: Path) -> Program:
        """The service, not yet started, with its directories and credentials."""
        self._make_directories()
        environment = self.environment(systemd)
        command = [_filled(word, environment) for word in shlex.split(self.value("ExecStart"))]
        return Program(self.name, [*as_nobody(), *command], environment, Path(self.value("WorkingDirectory")), log)

    def stop(self, program: Program) -> int:
        """`systemctl stop` with KillMode=mixed: the signal goes to the first process only. Returns its exit code."""
        assert self.value("KillMode") == "mixed"
        program.send(signal.Signals[self.value("KillSignal")])
        return program.wait(self.seconds_to_stop)

    def reload(self, program: Program) -> None:
        """`systemctl reload`."""
        command = self.value("ExecReload").replace("$MAINPID", str(program.pid))
        subprocess.run(shlex.split(command), check=True)

    @property
    def _credentials(self) -> Path:
        return self.root / "run/credentials" / self.name

    def _make_directories(self) -> None:
        for directory in (f"run/{self.value('RuntimeDirectory')}", f"var/lib/{self.value('StateDirectory')}"):
            (self.root / directory).mkdir(parents=True, exist_ok=True)
            give_to_nobody(self.root / directory)
        self._credentials.mkdir(parents=True, exist_ok=True)
        for credential in self.values("LoadCredential"):
            name, _, source = credential.partition(":")
            shutil.copy(source, self._credentials / name)
            give_to_nobody(self._credentials / name)
            (self._credentials / name).chmod(0o400)

    def _specified(self, value: str) -> str:
        meant = {"%i": self.instance, "%t": "/run", "%d": str(self._credentials), "%%": "%"}
        moved = MOVED.sub(f"{self.root}/", re.sub("%[itd]", lambda found: meant[found[0]], value))
        return moved.replace("%%", "%")


def _settings_in(file: Path, *, needed: bool) -> dict[str, str]:
    if not needed and not file.exists():
        return {}
    lines = [line for line in file.read_text().splitlines() if "=" in line and not line.startswith("#")]
    return {line.partition("=")[0]: "".join(shlex.split(line.partition("=")[2])) for line in lines}


def _filled(word: str, environment: dict[str, str]) -> str:
    return re.sub(r"\$\{(\w+)\}", lambda found: environment[found[1]], word)


def as_nobody() -> list[str]:
    """A service's user may do nothing; who is not root cannot become another, and is unprivileged already."""
    if os.geteuid():
        return []
    user = pwd.getpwnam(NOBODY)
    return ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]


def give_to_nobody(path: Path) -> None:
    if not os.geteuid():
        user = pwd.getpwnam(NOBODY)
        os.chown(path, user.pw_uid, user.pw_gid)
