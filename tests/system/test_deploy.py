"""A deploy while customers order: no request fails, and no work is lost between old and new."""

import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from tests.stack.ports import HANG_S, wait_until
from tests.system.house import House, Placed, http, message

CUSTOMERS = 3
RELOADS = 2


@dataclass
class Crowd:
    """What customers have done so far; a request that fails ends the test."""

    house: House
    orders: list[Placed] = field(default_factory=list)
    pages: int = 0
    going_on: bool = True
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def order(self) -> None:
        """One after the other, each with several requests over one connection; then the buyer pays."""
        while self.going_on:
            placed = self.house.place_one()
            self.house.pay([placed])
            with self._lock:
                self.orders.append(placed)

    def look_around(self) -> None:
        """Pages over one connection that is kept open, as a proxy keeps it."""
        with http() as browser:
            while self.going_on:
                assert browser.get(f"{self.house.url}/", timeout=30).status_code == 200
                self.pages += 1


@contextmanager
def crowd(house: House) -> Iterator[Crowd]:
    """Customers who order all the time; at the end every one of their requests has been answered well."""
    customers = Crowd(house)
    with ThreadPoolExecutor(CUSTOMERS + 1) as aside:
        busy = [aside.submit(customers.order) for _ in range(CUSTOMERS)] + [aside.submit(customers.look_around)]
        try:
            yield customers
        finally:
            customers.going_on = False
        for each in busy:
            each.result()


def more(customers: Crowd, orders: int) -> None:
    """Wait until the crowd has placed so many more."""
    enough = len(customers.orders) + orders
    wait_until(lambda: len(customers.orders) >= enough, f"{enough} orders were placed")


def children(house: House) -> set[int]:
    """The processes that serve, without the one that only watches them."""
    web = house.part("web")
    return {process.pid for process in web.members()} - {web.pid}


def reload_web(house: House, customers: Crowd) -> None:
    """What `systemctl reload` does: new processes with the new code, while the old ones finish what they have begun."""
    before = children(house)
    house.part("web").send(signal.SIGHUP)
    wait_until(lambda: children(house) and not children(house) & before, "the old ones had gone")
    more(customers, 3)


@pytest.mark.campaign
def test_a_deploy_under_load_fails_no_request_and_loses_no_work(full_house: House) -> None:
    """The order of a deploy: migrations first, the web reloaded, then new workers beside the old ones, which drain."""
    full_house.provider.callbacks(lose_all=True)
    with crowd(full_house) as customers:
        more(customers, 3)
        assert full_house.manage("migrate", "--verbosity", "0").returncode == 0
        for _ in range(RELOADS):
            reload_web(full_house, customers)
        full_house.start("worker2", "scheduler2")
        more(customers, 3)
        for old in ("scheduler", "worker"):
            full_house.part(old).send(signal.SIGTERM)
            assert full_house.part(old).wait(HANG_S) == 0
        more(customers, 3)

    full_house.wait_until_settled(customers.orders, 120)
    full_house.assert_paid_and_mailed_once(customers.orders)
    assert customers.pages > 0


def test_messages_of_another_release_cost_time_and_no_work(full_house: House) -> None:
    """An actor that this release does not know, one with other arguments, and one that was asked for nothing: dead
    letters, while the sweep does their work."""
    full_house.provider.callbacks(lose_all=True)
    orders = full_house.place(4)
    payment = full_house.payment_id(orders[0])
    full_house.publish("urgent", message("check_payment_of_next_year", payment))
    full_house.publish("urgent", message("check_payment", payment, "and more"))
    full_house.publish("urgent", message("check_payment"))
    full_house.pay(orders)

    full_house.wait_until_settled(orders, 120)
    full_house.assert_paid_and_mailed_once(orders)
    wait_until(lambda: full_house.rabbitmq.counts("urgent.XQ") == 3, "all three were dead letters")
