"""What may stop in a house, the alert that must tell of it, and how it goes on again."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import requests

from tests.system.house import House

OUTAGE_S = 3_600.0
"""Longer than any drill; it is ended by hand."""

PAUSE_S = 1.0
"""Between two customers."""


@dataclass(frozen=True)
class Stall:
    """One part stops. `breaks` and `mends` are what happens to it."""

    part: str
    how: str
    alert: str
    breaks: Callable[[House], object]
    mends: Callable[[House], object]


STALLS = (
    Stall("workers", "killed", "WorkersGone", lambda h: h.part("worker").kill(), lambda h: h.start("worker")),
    Stall("workers", "frozen", "WorkersGone", lambda h: h.part("worker").freeze(), lambda h: h.part("worker").thaw()),
    Stall("scheduler", "killed", "SchedulersGone", lambda h: h.part("scheduler").kill(), lambda h: h.start("scheduler")),
    Stall("scheduler", "frozen", "ScheduleLate", lambda h: h.part("scheduler").freeze(), lambda h: h.part("scheduler").thaw()),
    Stall("broker", "killed", "BrokerUnreachable", lambda h: h.rabbitmq.kill(), lambda h: h.rabbitmq.start()),
    Stall("broker", "frozen", "BrokerUnreachable", lambda h: h.rabbitmq.freeze(), lambda h: h.rabbitmq.thaw()),
    Stall("database", "killed", "DatabaseAway", lambda h: h.postgres.kill(), lambda h: h.postgres.start()),
    Stall("database", "frozen", "DatabaseAway", lambda h: h.postgres.freeze(), lambda h: h.postgres.thaw()),
    Stall("mail server", "stopped", "MailServerAway", lambda h: h.mail.stop(), lambda h: h.mail.start()),
    Stall("provider", "refuses", "ProviderAway", lambda h: h.provider.outage("refuse", OUTAGE_S), lambda h: h.provider.end_outage()),
    Stall("provider", "hangs", "ProviderAway", lambda h: h.provider.outage("hang", OUTAGE_S), lambda h: h.provider.end_outage()),
    Stall("callbacks", "lost", "CallbacksLost", lambda h: h.provider.callbacks(lose_all=True), lambda h: h.provider.callbacks()),
)  # fmt: skip


@contextmanager
def customers(house: House) -> Iterator[None]:
    """Somebody orders and pays all the time, as long as the shop lets them."""
    enough = threading.Event()
    thread = threading.Thread(target=_shop, args=(house, enough), daemon=True)
    thread.start()
    try:
        yield
    finally:
        enough.set()
        thread.join(timeout=60)


def _shop(house: House, enough: threading.Event) -> None:
    while not enough.wait(PAUSE_S):
        with suppress(requests.RequestException, AssertionError, Exception):
            house.pay(house.place(1))
