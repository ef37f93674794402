"""The ear of systemd: a socket like the one that NOTIFY_SOCKET names, which keeps what it is told."""

import os
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.stack.ports import wait_until


class Notified:
    """What a service has told, oldest first. The words of one datagram belong together."""

    def __init__(self, ear: socket.socket, address: str) -> None:
        self.address = address
        self.told: list[tuple[float, list[str]]] = []
        threading.Thread(target=self._listen, args=(ear,), daemon=True).start()

    @property
    def words(self) -> list[str]:
        """All of them."""
        return [word for _, words in list(self.told) for word in words]

    def environment(self, watchdog_s: float) -> dict[str, str]:
        """What systemd gives to a service with `WatchdogSec=`."""
        return {"NOTIFY_SOCKET": self.address, "WATCHDOG_USEC": str(int(watchdog_s * 1_000_000))}

    def wait_for(self, word: str, timeout_s: float = 40.0) -> None:
        """Return once it was told."""
        wait_until(lambda: word in self.words, f"systemd heard {word} (it heard {self.words[-8:]})", timeout_s)

    def wait_for_status(self, beginning: str, timeout_s: float = 40.0) -> str:
        """Return the first status that begins so."""
        wanted = f"STATUS={beginning}"
        wait_until(lambda: any(word.startswith(wanted) for word in self.words), f"systemd heard {wanted}", timeout_s)
        return next(word for word in self.words if word.startswith(wanted))

    def forget(self) -> None:
        """From here on."""
        self.told.clear()

    def silent_s(self) -> float:
        """So long no sign of life has come; systemd ends a service when this exceeds its `WatchdogSec=`."""
        return time.monotonic() - max((at for at, words in list(self.told) if "WATCHDOG=1" in words), default=0.0)

    def _listen(self, ear: socket.socket) -> None:
        while True:
            try:
                words = ear.recv(4096).decode().split("\n")
            except OSError:
                return
            self.told.append((time.monotonic(), words))


@contextmanager
def listening(*, abstract: bool = False) -> Iterator[Notified]:
    """Listen on a socket in the file system, as systemd does, or on an abstract one, as containers may."""
    with tempfile.TemporaryDirectory(prefix="tillkeeper-") as directory, _ear() as ear:
        path = str(Path(directory) / "notify")
        ear.bind(f"\0{path}" if abstract else path)
        if not abstract:
            # Whoever a service runs as may tell.
            os.chmod(directory, 0o711)  # noqa: S103
            os.chmod(path, 0o777)  # noqa: S103
        yield Notified(ear, f"@{path}" if abstract else path)
        ear.shutdown(socket.SHUT_RDWR)


def _ear() -> socket.socket:
    return socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
