"""Work that its caller does not wait for: a bounded queue, one thread, and nothing lost without a count."""

import threading

import pytest

from config.background import Background
from tests.stack.ports import wait_until


class Numbers(Background[int]):
    """Keeps what it worked on; waits while it is `held`, and does not take items while it is `away`."""

    def __init__(self, size: int = 5, batch: int = 1, every_s: float | None = None) -> None:
        super().__init__("numbers", size, batch, every_s)
        self.batches: list[list[int]] = []
        self.held, self.away = threading.Event(), threading.Event()

    def work(self, items: list[int]) -> bool:
        self.batches.append(items)
        wait_until(lambda: not self.held.is_set(), "it goes on")
        if 13 in items:
            raise ZeroDivisionError
        return not self.away.is_set()


def test_a_full_queue_drops_and_counts() -> None:
    """The item in hand counts as waiting."""
    numbers = Numbers(size=5)
    numbers.held.set()
    for number in range(8):
        numbers.offer(number)
    assert numbers.dropped == 3

    numbers.held.clear()
    numbers.flush(20)
    assert numbers.batches == [[0], [1], [2], [3], [4]]


def test_a_mistake_costs_its_item_and_not_the_thread(caplog: pytest.LogCaptureFixture) -> None:
    """It is logged as an error, with its traceback."""
    numbers = Numbers()
    for number in (13, 14):
        numbers.offer(number)
    numbers.flush(20)

    assert (numbers.batches, numbers.dropped) == ([[13], [14]], 1)
    [record] = [record for record in caplog.records if record.getMessage() == "background.failed"]
    assert record.exc_info


def test_items_that_cannot_be_worked_on_now_wait() -> None:
    """In their order, and with those that came meanwhile."""
    numbers = Numbers(batch=2, every_s=0.05)
    numbers.away.set()
    numbers.offer(1)
    wait_until(lambda: numbers.batches.count([1]) >= 2, "it tried again")
    numbers.offer(2)
    numbers.away.clear()
    numbers.flush(20)

    assert numbers.batches[-1] in ([2], [1, 2])
    assert numbers.dropped == 0
