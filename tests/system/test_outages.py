"""Services that die, hang and come back under a running house."""

import time
from collections.abc import Callable
from statistics import median

import pytest

from tests.stack.ports import wait_until
from tests.stopwatch import assert_quick, seconds_until
from tests.system.house import SETTLE_S, START_S, House, Placed

ROUNDS, ORDERS = 2, 15

SLOWER_AT_MOST = 1.1
NOISE_S = 0.015
"""What other processes of a small, busy machine add to a median by chance."""

LONGEST_S = 2.0

BACK_WITHIN_S = 10.0
"""From the first answer of the database until every part works."""


@pytest.mark.campaign
@pytest.mark.alone
def test_checkout_does_not_notice_a_dead_broker(full_house: House) -> None:
    """An order is placed as quickly without RabbitMQ as with it, and nothing is missing afterwards."""
    check_checkout(full_house, full_house.rabbitmq.kill, full_house.rabbitmq.start)


@pytest.mark.alone
def test_checkout_does_not_notice_a_silent_broker(full_house: House) -> None:
    """The same when RabbitMQ takes the bytes and never answers, which holds stock senders up for ever."""
    check_checkout(full_house, full_house.rabbitmq.freeze, full_house.rabbitmq.thaw)


@pytest.mark.campaign
def test_a_worker_started_before_the_broker_waits_for_it(house: House) -> None:
    """The order of starting does not matter: the worker says what is missing, and begins when it is there."""
    house.run("web")
    orders = house.place(1)
    house.rabbitmq.kill()
    worker = house.part("worker").start()
    worker.wait_for_output("connection error", START_S)

    house.rabbitmq.start()
    house.start("scheduler")
    house.pay(orders)

    house.wait_until_settled(orders)
    house.assert_paid_and_mailed_once(orders)
    assert worker.alive


def test_a_restarted_broker_is_noticed_by_nobody(full_house: House) -> None:
    """RabbitMQ crashes and returns: the same processes go on. Orders from before, meanwhile and after are settled."""
    before = full_house.place(2)
    processes = full_house.pids()

    full_house.rabbitmq.kill()
    meanwhile = full_house.place(1)
    full_house.pay([*before, *meanwhile])
    full_house.rabbitmq.start()
    after = full_house.place(2)
    full_house.pay(after)

    orders = [*before, *meanwhile, *after]
    full_house.wait_until_settled(orders)
    full_house.assert_paid_and_mailed_once(orders)
    assert full_house.pids() == processes


def test_a_restarted_database_is_survived(full_house: House) -> None:
    """PostgreSQL crashes and returns: the web answers again, worker and scheduler go on."""
    before = full_house.place(2)
    processes = full_house.pids()

    full_house.postgres.kill()
    full_house.part("scheduler").wait_for_output("scheduler.no_database", START_S)
    assert full_house.page("/readyz").status_code == 503
    full_house.postgres.start()
    after = full_house.place(2)
    full_house.pay([*before, *after])

    full_house.wait_until_settled([*before, *after])
    full_house.assert_paid_and_mailed_once([*before, *after])
    assert full_house.pids() == processes


@pytest.mark.alone
@pytest.mark.parametrize(
    ("how", "outage_s"),
    [("stop", 5), *(pytest.param(how, 30, marks=pytest.mark.campaign) for how in ("stop", "kill", "freeze"))],
)
def test_every_part_works_again_within_seconds_of_the_database(full_house: House, how: str, outage_s: float) -> None:
    """From the database's first answer, by the same processes: pages, probes, the sweep, settlement, mails, orders."""
    before, processes = full_house.place(2), full_house.pids()
    getattr(full_house.postgres, how)()
    full_house.pay(before)  # the callbacks find no database either
    time.sleep(outage_s)
    if how == "freeze":
        full_house.postgres.thaw()
    else:
        full_house.postgres.start()

    works = {
        "pages": lambda: full_house.page("/").ok,
        "probes": lambda: not any(map(full_house.unready, ("web", "worker", "scheduler"))),
        "payments and mails": lambda: full_house.settled(before) == len(before),
    }
    took = {what: round(seconds_until(check, f"{what} worked", SETTLE_S), 1) for what, check in works.items()}

    after = full_house.place(1)
    full_house.pay(after)
    full_house.wait_until_settled([*before, *after])
    full_house.assert_paid_and_mailed_once([*before, *after])
    assert full_house.pids() == processes
    assert_quick(sum(took.values()), BACK_WITHIN_S, f"the recovery {took}")


@pytest.fixture(autouse=True)
def _services_are_back(house: House) -> None:
    """Whatever a test that failed has left broken."""
    wait_until(house.rabbitmq.answers, "the broker answered", START_S)
    wait_until(house.postgres.answers, "the database answered", START_S)


def check_checkout(house: House, down: Callable[[], object], up: Callable[[], object]) -> None:
    """Orders with the broker healthy and gone, in turns, so that other load on the machine hits both alike."""
    house.provider.callbacks(lose_all=True)
    house.place(5)
    healthy, gone = [], []
    for _ in range(ROUNDS):
        healthy += house.place(ORDERS, at_once=1)
        down()
        gone += house.place(ORDERS, at_once=1)
        up()
    house.pay([*healthy, *gone])
    house.wait_until_settled([*healthy, *gone])
    house.assert_paid_and_mailed_once([*healthy, *gone])
    assert_quick(middle(gone), SLOWER_AT_MOST * middle(healthy) + NOISE_S, "the median checkout without the broker")
    assert_quick(max(order.seconds for order in gone), LONGEST_S, "the longest checkout without the broker")


def middle(orders: list[Placed]) -> float:
    """The median of the seconds between the click and the answer."""
    return median(order.seconds for order in orders)
