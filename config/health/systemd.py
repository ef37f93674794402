"""Words for systemd: one datagram to the socket that NOTIFY_SOCKET names (the protocol of sd_notify, in the standard
library). Where nobody listens nothing happens: a process never fails because of whoever watches it.
"""

import logging
import os
import socket

log = logging.getLogger(__name__)

SEND_TIMEOUT_S = 1.0
"""systemd empties its socket at once; whoever does not is not waited for."""


def notify(*words: str) -> bool:
    """Tell each word (READY=1, STATUS=…, WATCHDOG=1), together; says whether somebody was told."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return False
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
            told.settimeout(SEND_TIMEOUT_S)
            told.sendto("\n".join(" ".join(word.split()) for word in words).encode(), _as_bytes(address))
    except OSError as error:
        log.warning("notify.failed", extra={"error": str(error)})
        return False
    return True


def watchdog_s() -> float | None:
    """So often systemd wants to hear WATCHDOG=1; None: not at all.

    WATCHDOG_PID is left aside: it names the main process, and where that only minds its children the unit says
    `NotifyAccess=all`, and the child that does the work tells how it goes.
    """
    microseconds = os.environ.get("WATCHDOG_USEC", "")
    return int(microseconds) / 1_000_000 if microseconds.isdecimal() and int(microseconds) else None


def _as_bytes(address: str) -> bytes:
    """A leading @ means a socket without a file; the kernel wants a zero byte for it."""
    return os.fsencode(f"\0{address[1:]}" if address.startswith("@") else address)
