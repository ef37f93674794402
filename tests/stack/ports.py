"""Free loopback ports, and waiting for what happens on them."""

import random
import socket
import time
from collections.abc import Callable

LOOPBACK = "127.0.0.1"

# Below the range from which the kernel serves outgoing connections: one of those could otherwise take the port
# of a server that is just restarting.
PORTS = range(20_000, 32_000)

_handed_out: set[int] = set()


def free_port() -> int:
    """Return a port nobody listens on; never the same one twice in a process."""
    while True:
        port = random.choice(PORTS)
        if port not in _handed_out and is_free(port):
            _handed_out.add(port)
            return port


def is_free(port: int) -> bool:
    """Say whether a server could listen on this port now."""
    with socket.socket() as attempt:
        # As servers do: the connections a stopped server leaves behind for a minute do not occupy its port.
        attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            attempt.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def wait_until(condition: Callable[[], object], what: str, timeout_s: float, pause_s: float = 0.05) -> None:
    """Return once the condition is true; `what` completes the sentence "Waited 5 s in vain until …"."""
    give_up_at = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() >= give_up_at:
            raise TimeoutError(f"Waited {timeout_s:g} s in vain until {what}.")
        time.sleep(pause_s)
