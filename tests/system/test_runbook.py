"""deploy/RUNBOOK.md: the steps that no other test tries, on a house that runs."""

import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
import requests

from billing.sandbox.webhook_delivery import signature
from tests.stack.disk import small_disk
from tests.stack.ports import HANG_S, wait_until
from tests.stack.postgres import Postgres
from tests.stopwatch import assert_quick
from tests.system.house import House, Placed, http
from tests.system.test_callback_posts import SECRET

NEW_KEY = "another-key-for-tests-" * 3

DISK_MB = 192
"""Room for a cluster with the shop in it, and for little more."""


# --- keys ------------------------------------------------------------------------------------------------------------


@pytest.mark.campaign
def test_another_secret_key_breaks_neither_sessions_nor_links(house: House) -> None:
    """With the old one among the fallbacks; without it the link is dead, so it was the fallback that kept it."""
    house.run("web", "worker", "scheduler")
    operator = house.signed_in()
    link, old = review_link(house), house.environment["SECRET_KEY"]

    with house.told(web={"SECRET_KEY": NEW_KEY, "SECRET_KEY_FALLBACKS": old}):
        house.run("web")
        assert operator.get(f"{house.url}/admin/", allow_redirects=False, timeout=HANG_S).status_code == 200
        assert link_opens(house, link)
        assert house.signed_in()
    with house.told(web={"SECRET_KEY": NEW_KEY}):
        house.run("web")
        assert not link_opens(house, link)


def test_a_wrong_key_of_a_provider_costs_time_and_no_payment(house: House) -> None:
    """One worker has it and one does not: what the wrong key asked about waits for a person, who says *look now*."""
    house.provider.callbacks(lose_all=True)
    house.run("web", "scheduler")
    earlier = refused(house)
    with house.told(worker={"SANDBOX_API_KEY": "revoked"}):
        house.start("worker")
        orders = house.place(3)
        ours = {str(house.payment_id(order)) for order in orders}
        wait_until(lambda: ours <= refused(house), "the provider had refused the key for all", HANG_S)
        house.pay(orders)
        house.start("worker2")
        house.part("worker").stop()
    assert house.manage("payments", "attention").returncode == 1

    asked = house.manage("payments", "check", *(refused(house) - earlier))

    assert asked.returncode == 0, asked.stderr
    house.wait_until_settled(orders, HANG_S)
    house.assert_paid_and_mailed_once(orders)
    wait_until(lambda: refused(house) <= earlier, "nobody had to look any more", HANG_S)


# --- a flood of callbacks --------------------------------------------------------------------------------------------

FLOOD = 600
LONGEST_S = 5.0
"""What a customer may wait behind the button while the flood is on; a quiet house takes a tenth of a second."""


@pytest.mark.campaign
@pytest.mark.alone
def test_a_flood_of_callbacks_is_worked_off_beside_the_customers(full_house: House) -> None:
    """Each is answered and kept, none is left over, and customers order and get their mails meanwhile."""
    before = full_house.place(2)
    [(first,)] = full_house.sql("SELECT coalesce(max(id), 0) FROM billing_callback")
    with flood(full_house, before[0], FLOOD) as statuses:
        during = full_house.place(5, at_once=1)

    assert statuses == [200] * FLOOD
    full_house.pay([*before, *during])
    full_house.wait_until_settled([*before, *during], HANG_S)
    left = "SELECT count(*) FROM billing_callback WHERE process_after IS NOT NULL AND id > %s"
    wait_until(lambda: full_house.sql(left, first) == [(0,)], "all were worked off", HANG_S)
    full_house.assert_paid_and_mailed_once([*before, *during])
    assert_quick(max(order.seconds for order in during), LONGEST_S, "the longest checkout beside the flood")


# --- a broker that takes nothing -------------------------------------------------------------------------------------

ALARMS = {
    "memory": (["set_vm_memory_high_watermark", "0"], ["set_vm_memory_high_watermark", "0.4"], "memory_used"),
    "disk": (["set_disk_free_limit", "900000GB"], ["set_disk_free_limit", "50MB"], "free_disk_space"),
}


BLOCKED_S = 10.0
"""Whoever publishes waits at least so long for a broker that blocks: our `blocked_connection_timeout`."""


@pytest.mark.campaign
@pytest.mark.parametrize("kind", ALARMS)
def test_an_alarm_of_the_broker_is_no_business_of_the_checkout(full_house: House, kind: str) -> None:
    """RabbitMQ blocks whoever publishes. Customers order, nothing is lost, and all settles once there is room."""
    raised, cleared, series = ALARMS[kind]
    processes = full_house.pids()
    full_house.rabbitmq.ctl(*raised)
    try:
        wait_until(lambda: alarmed(full_house, series), "the alarm was up", HANG_S)
        orders = full_house.place(3)
        full_house.pay(orders)
        wait_until(lambda: is_blocked(full_house), "the broker had blocked whoever publishes", HANG_S, pause_s=1)
        assert full_house.page("/readyz").status_code == 200
        assert max(order.seconds for order in orders) < BLOCKED_S
    finally:
        full_house.rabbitmq.ctl(*cleared)

    wait_until(lambda: not alarmed(full_house, series), "the alarm was over", HANG_S)
    full_house.wait_until_settled(orders, HANG_S)
    full_house.assert_paid_and_mailed_once(orders)
    assert full_house.pids() == processes


# --- a full disk -----------------------------------------------------------------------------------------------------


@pytest.mark.campaign
def test_a_full_disk_of_the_database_stops_the_shop_and_loses_nothing(house: House) -> None:
    """Pages fail while it is full. With room again, PostgreSQL started where it had ended, the same processes go on."""
    with small_disk(DISK_MB) as disk, Postgres(disk.path / "cluster") as postgres, moved_to(house, postgres):
        house.run("web", "worker", "scheduler")
        before, processes = house.place(3), house.pids()
        disk.fill()
        wait_until(lambda: not orders_are_taken(house), "the checkout failed", HANG_S, pause_s=0.2)
        house.pay(before)

        disk.make_room()
        wait_until(lambda: has_recovered(house), "orders were taken again", HANG_S, pause_s=0.5)

        after = house.place(2)
        house.pay(after)
        house.wait_until_settled([*before, *after], HANG_S)
        house.assert_paid_and_mailed_once([*before, *after])
        assert house.pids() == processes


# --- helpers ---------------------------------------------------------------------------------------------------------


@contextmanager
def moved_to(house: House, postgres: Postgres) -> Iterator[None]:
    """The house has another database meanwhile."""
    own = house.postgres
    house.run()
    house.move_to(postgres, house.rabbitmq, house.broker_url)
    try:
        house.furnish()
        yield
    finally:
        house.run()
        house.move_to(own, house.rabbitmq, house.broker_url)


@contextmanager
def flood(house: House, order: Placed, callbacks: int) -> Iterator[list[int]]:
    """Signed callbacks about one and the same payment, as quickly as they go out; the answers, once all are in."""
    statuses: list[int] = []
    with ThreadPoolExecutor(16) as senders:
        answers = senders.map(lambda number: post(house, order, number), range(callbacks))
        yield statuses
        statuses += answers


def post(house: House, order: Placed, number: int) -> int:
    """One callback, unlike all others; the status of the answer."""
    about = {"id": order.provider_ref, "reference": order.public_id}
    body = json.dumps({"id": f"evt-{number}", "type": "payment.succeeded", "payment": about}).encode()
    headers = {"Sandbox-Signature": signature(SECRET, body)}
    with http() as provider:
        return provider.post(f"{house.url}/callbacks/sandbox/", body, headers=headers, timeout=HANG_S).status_code


def has_recovered(house: House) -> bool:
    """A PostgreSQL that has ended is started again, as its supervisor would."""
    if not house.postgres.alive:
        house.postgres.start()
    return orders_are_taken(house)


def review_link(house: House) -> str:
    """What stands in a customer's mailbox: a link to the form about the product of an order that was delivered."""
    order = house.place_one()
    house.pay([order])
    house.wait_until_settled([order], HANG_S)
    house.sql(
        "UPDATE commerce_order SET status = 'delivered', delivered_at = now() WHERE public_id = %s", order.public_id
    )
    [subject] = house.sql(
        "SELECT o.id, l.product_id FROM commerce_order o JOIN commerce_orderline l ON l.order_id = o.id"
        " WHERE public_id = %s",
        order.public_id,
    )
    script = f"from commerce.reviews.links import Subject, address; print(address(Subject{subject}))"
    return house.manage("shell", "-c", script, check=True).stdout.split()[-1]


def link_opens(house: House, link: str) -> bool:
    """The form is there."""
    with http() as browser:
        return browser.get(link, timeout=HANG_S).status_code == 200


def refused(house: House) -> set[str]:
    """The numbers of payments whose provider said no, and which a person must look at."""
    return {str(key) for (key,) in house.sql("SELECT id FROM billing_payment WHERE attention = 'refused'")}


def alarmed(house: House, series: str) -> bool:
    """What the alert RabbitmqAlarm reads."""
    with http() as browser:
        page = browser.get(house.rabbitmq.prometheus_url, timeout=HANG_S).text
    return bool(re.search(rf"^rabbitmq_alarms_{series}_watermark 1", page, re.MULTILINE))


def is_blocked(house: House) -> bool:
    """Is one of our connections told to wait?"""
    return "blocked" in house.rabbitmq.ctl("list_connections", "state").split()


def orders_are_taken(house: House) -> bool:
    """Does a customer come through to the provider's page?"""
    try:
        house.place_one()
    except (AssertionError, requests.RequestException):
        return False
    return True
