"""Free loopback ports, and waiting for what happens on them."""

import random
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from socketserver import BaseRequestHandler, ThreadingTCPServer

LOOPBACK, LOOPBACK_IPV6 = "127.0.0.1", "[::1]"

# Below the range from which the kernel serves outgoing connections: one of those could otherwise take the port
# of a server that is just restarting.
PORTS = range(20_000, 32_000)

HANG_S = 300.0
"""A process that has not ended, started or answered by then hangs. It is far above what a busy machine needs: a test
that passes never waits for it.
"""

_taken: dict[int, socket.socket] = {}
"""What this process was given, and what keeps it from others: a server may begin to listen much later."""


def free_port() -> int:
    """Return a TCP port nobody listens on; never the same one twice, in all the test processes of this machine."""
    while True:
        port = random.choice(PORTS)
        if port not in _taken and is_free(port) and _take(port):
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


@contextmanager
def on_ipv6(port: int) -> Iterator[int]:
    """Give a server that listens on loopback a port on IPv6's loopback as well."""

    class Relay(BaseRequestHandler):
        def handle(self) -> None:
            with socket.create_connection((LOOPBACK, port)) as server:
                other = {self.request: server, server: self.request}
                while True:
                    for side in select.select([*other], [], [])[0]:
                        if not (heard := side.recv(65_536)):
                            return
                        other[side].sendall(heard)

    class Relays(ThreadingTCPServer):
        address_family, daemon_threads, block_on_close = socket.AF_INET6, True, False

    with Relays((LOOPBACK_IPV6.strip("[]"), 0), Relay) as relays:
        threading.Thread(target=relays.serve_forever, daemon=True).start()
        try:
            yield relays.server_address[1]
        finally:
            relays.shutdown()


def wait_until(condition: Callable[[], object], what: str, timeout_s: float = HANG_S, pause_s: float = 0.05) -> None:
    """Return once the condition is true; `what` completes the sentence "Waited 5 s in vain until …".

    A test gives another limit only if the time is what it tests.
    """
    give_up_at = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() >= give_up_at:
            raise TimeoutError(f"Waited {timeout_s:g} s in vain until {what}.")
        time.sleep(pause_s)


def _take(port: int) -> bool:
    """Until this process ends, by the UDP port of the same number, which no server of ours wants."""
    mark = socket.socket(type=socket.SOCK_DGRAM)
    try:
        mark.bind((LOOPBACK, port))
    except OSError:
        mark.close()
        return False
    _taken[port] = mark
    return True
