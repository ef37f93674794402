"""Messages to systemd: one datagram to the socket in NOTIFY_SOCKET (the protocol of sd_notify).

Without that socket nothing happens. A process never fails because of its supervisor.
"""

import logging
import os
import socket

from config.errors.exception_text import summary

log = logging.getLogger(__name__)

SEND_TIMEOUT_S = 1.0
"""Timeout for a datagram; systemd empties its socket at once."""


def notify(*words: str) -> bool:
    """Send these variables (READY=1, STATUS=…, WATCHDOG=1) together. Returns True if they were sent."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return False
    if address.startswith("@"):  # an abstract socket, without a file; the kernel wants a zero byte instead
        address = f"\0{address[1:]}"
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
            told.settimeout(SEND_TIMEOUT_S)
            told.sendto("\n".join(" ".join(word.split()) for word in words).encode(), address)
    except OSError as error:
        log.warning("notify.failed", extra={"error": summary(error)})
        return False
    return True


def watchdog_s() -> float | None:
    """The period within which systemd expects WATCHDOG=1; None if it expects none.

    WATCHDOG_PID is ignored: it names the main process. Where that one only supervises its children, the unit says
    `NotifyAccess=all`, and the working child reports.
    """
    microseconds = os.environ.get("WATCHDOG_USEC", "")
    return int(microseconds) / 1_000_000 if microseconds.isdecimal() and int(microseconds) else None
