"""A nudge leaves when the transaction that gave the reason is committed, and not before."""

from typing import Any

import dramatiq
from django.db import transaction

from config.messaging.nudges import nudge, publisher


def arrived() -> list[tuple[str, tuple[Any, ...]]]:
    """The messages that the broker has."""
    publisher.flush(timeout_s=2)
    queue = dramatiq.get_broker().queues["urgent"]
    messages = [dramatiq.Message.decode(queue.get_nowait()) for _ in range(queue.qsize())]
    return [(message.actor_name, message.args) for message in messages]


def test_a_nudge_waits_for_the_commit() -> None:
    """Whoever looks earlier would find nothing."""
    with transaction.atomic():
        nudge("check_payment", 17)
        assert arrived() == []

    assert arrived() == [("check_payment", (17,))]


def test_a_nudge_about_something_that_was_rolled_back_is_never_sent() -> None:
    """There is nothing to look at."""
    with transaction.atomic():
        nudge("check_payment", 17)
        transaction.set_rollback(True)

    assert arrived() == []


def test_outside_of_a_transaction_a_nudge_leaves_at_once() -> None:
    """The scheduler's ticks, for one."""
    nudge("settle_orders")

    assert arrived() == [("settle_orders", ())]
