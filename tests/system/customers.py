"""Customers who come one after the other, as long as somebody watches the house."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import cycle

from tests.stack.ports import HANG_S
from tests.system.house import House

LEAVE = ""
"""Instead of something that one can do on the provider's page."""


@contextmanager
def customers(house: House, actions: Sequence[str] = ("pay",), pause_s: float = 1.0) -> Iterator[None]:
    """Each orders and does the next of the `actions` on the provider's page, as far as the house lets them."""
    enough = threading.Event()
    thread = threading.Thread(target=_come, args=(house, actions, pause_s, enough), daemon=True)
    thread.start()
    try:
        yield
    finally:
        enough.set()
        thread.join(timeout=HANG_S)


def _come(house: House, actions: Sequence[str], pause_s: float, enough: threading.Event) -> None:
    for action in cycle(actions):
        if enough.wait(pause_s):
            return
        with suppress(Exception):  # a part of the house may be away, and then whatever can go wrong does
            order = house.place_one()
            if action != LEAVE:
                house.provider.act(order.provider_ref, action)
