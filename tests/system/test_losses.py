"""What may be lost, killed and stopped without anybody noticing."""

import signal

from tests.stack.ports import HANG_S, wait_until
from tests.system.house import House, Placed, message


def test_losing_every_message_loses_no_work(house: House) -> None:
    """The database is the truth: with every message and every callback lost, the sweeps find all the work."""
    house.run("web", "scheduler")
    house.provider.callbacks(lose_all=True)
    orders = house.place(100)
    house.purge()
    house.pay(orders)
    house.purge()

    house.start("worker")
    wait_until(lambda: settled_after_a_purge(house, orders) >= 10, "the first orders were settled")

    house.wait_until_settled(orders, 120)
    house.assert_paid_and_mailed_once(orders)


def test_a_killed_worker_is_never_noticed(house: House) -> None:
    """What a dead worker held comes due again by itself: nobody frees it, and it happens once."""
    house.provider.callbacks(lose_all=True)
    with house.told(worker={"PAYMENT_API_TIMEOUT_S": "6"}):
        house.run("web", "worker", "scheduler")
        house.provider.fault("status", "delay", delay_ms=5000)  # it surely dies before the answers come
        orders = house.place(20)
        house.pay(orders)
        wait_until(lambda: in_flight(house, orders) >= 10, "the provider was being asked about 10 payments")
        house.part("worker").kill()
    assert held(house, orders) >= 10

    house.provider.clear_faults()
    house.start("worker")
    house.wait_until_settled(orders, 120)
    house.assert_paid_and_mailed_once(orders)


def test_a_worker_that_is_told_to_stop_finishes_its_job(house: House) -> None:
    """SIGTERM takes no work away: the answer that was waited for is written down before the worker ends."""
    house.provider.callbacks(lose_all=True)
    with house.told(worker={"PAYMENT_API_TIMEOUT_S": "30"}):  # the answer comes in time on any machine
        house.run("web", "worker", "scheduler")
        orders = house.place(1)
        house.provider.fault("status", "delay", delay_ms=1500)
        house.pay(orders)
        wait_until(lambda: in_flight(house, orders), "the provider was being asked")
        house.part("worker").send(signal.SIGTERM)
        assert house.part("worker").wait(HANG_S) == 0
    assert payment_states(house, orders) == ["succeeded"]
    assert held(house, orders) == 0
    house.start("worker")
    house.wait_until_settled(orders)
    house.assert_paid_and_mailed_once(orders)


def test_a_message_that_is_too_old_is_dropped(house: House) -> None:
    """A nudge that comes after its time is no failure and no dead letter: the sweep has long looked."""
    house.run("web", "worker")
    late, other = house.place(2)
    house.make_due([late, other])

    house.publish("urgent", message("check_payment", house.payment_id(late), age_s=61))
    house.publish("urgent", message("check_payment", house.payment_id(other)))
    wait_until(lambda: house.asked(other), "the message behind it was worked on")
    assert house.asked(late) == []

    house.publish("urgent", message("check_payment", house.payment_id(late)))
    wait_until(lambda: house.asked(late), "a message in time was worked on")
    assert len(house.asked(late)) == 1
    assert house.rabbitmq.counts("urgent.XQ") == 0


def settled_after_a_purge(house: House, orders: list[Placed]) -> int:
    """How many of the orders are settled; every message that waits is lost."""
    house.purge()
    return house.settled(orders)


def in_flight(house: House, orders: list[Placed]) -> int:
    """How many of the orders the provider has been asked about and has not answered."""
    return sum(any(entry["status"] is None for entry in house.asked(order)) for order in orders)


def held(house: House, orders: list[Placed]) -> int:
    """How many of the orders' payments are claimed by somebody."""
    ids = [order.public_id for order in orders]
    return len(house.sql("SELECT 1 FROM billing_payment WHERE claims > 0 AND reference = ANY(%s)", ids))


def payment_states(house: House, orders: list[Placed]) -> list[str]:
    """What the shop knows of the orders' payments."""
    ids = [order.public_id for order in orders]
    return [state for (state,) in house.sql("SELECT status FROM billing_payment WHERE reference = ANY(%s)", ids)]
