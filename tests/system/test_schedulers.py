"""The tick ledger, with several schedulers and with none."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise

import pytest

from tests.stack.ports import wait_until
from tests.stopwatch import TooSlow
from tests.system.house import START_S, House

EVERY_SECOND = "check_pending_payments"
QUEUES = ("urgent", "routine")


@pytest.mark.alone
def test_two_schedulers_fire_each_tick_once(house: House) -> None:
    """However many schedulers run, die and return: each tick fires once, none is left out while one of them lives."""
    house.sql("DELETE FROM actors_tick")

    house.start("scheduler", "scheduler2")
    wait_for_ticks(house, 3)
    kill_between_ticks(house, "scheduler")
    wait_for_ticks(house, 2)
    house.start("scheduler")
    wait_for_ticks(house, 2)
    kill_between_ticks(house, "scheduler", "scheduler2")
    nobody_since = ticks(house, EVERY_SECOND)[-1]
    wait_until(lambda: now(house) > nobody_since + timedelta(seconds=3), "some ticks were missed", timeout_s=10)
    house.start("scheduler2")
    wait_for_ticks(house, 2)
    house.run()

    fired = ticks(house, EVERY_SECOND)
    assert len(set(fired)) == len(fired)
    assert delivered(house) == in_the_ledger(house)
    gaps = [at for at, following in pairwise(fired) if following - at != timedelta(seconds=1)]
    assert nobody_since in gaps
    if gaps != [nobody_since]:
        raise TooSlow(f"a scheduler that is held up for a second leaves its tick out: {gaps}")


def test_a_missed_tick_is_caught_up_once(house: House) -> None:
    """A tick that came while nobody was alive fires when somebody is, if it is not too old, and does not fire again."""
    house.sql("DELETE FROM actors_tick")

    began = now(house)
    house.start("scheduler", "scheduler2")
    wait_for_ticks(house, 2)
    kill_between_ticks(house, "scheduler", "scheduler2")
    house.start("scheduler")
    wait_for_ticks(house, 2)
    house.run()

    hourly = ticks(house, "prune_history")
    assert all(at.minute == 17 and now(house) - at < timedelta(hours=2) for at in hourly)
    assert len([at for at in hourly if at < began]) == 1, "the one that was missed; the next may come meanwhile"
    assert delivered(house)["prune_history"] == len(hourly) == len(set(hourly))


def ticks(house: House, schedule: str) -> list[datetime]:
    """The due times of a schedule's ticks in the ledger."""
    return [at for (at,) in house.sql("SELECT due_at FROM actors_tick WHERE schedule = %s ORDER BY due_at", schedule)]


def wait_for_ticks(house: House, number: int) -> None:
    """Until so many more have fired."""
    before = len(ticks(house, EVERY_SECOND))
    wait_until(lambda: len(ticks(house, EVERY_SECOND)) >= before + number, f"{number} more ticks fired", START_S)


def kill_between_ticks(house: House, *names: str) -> None:
    """A scheduler that dies between the ledger and the broker loses this one nudge; that is not what is tested here."""
    wait_until(lambda: frozen_at_rest(house, names), "every tick in the ledger was in a queue", START_S, pause_s=0.3)
    for name in names:
        house.part(name).kill()


def frozen_at_rest(house: House, names: Sequence[str]) -> bool:
    """They stand still, with nothing between the ledger and the broker; or they go on, because there was something."""
    for name in names:
        house.part(name).freeze()
    at_rest = sum(house.rabbitmq.counts(queue) for queue in QUEUES) == in_the_ledger(house).total()
    for name in names if not at_rest else ():
        house.part(name).thaw()
    return at_rest


def delivered(house: House) -> Counter[str]:
    """Messages that arrived in RabbitMQ, where nobody consumed them, by actor."""
    return Counter(each["actor_name"] for queue in QUEUES for each in house.take_all(queue))


def in_the_ledger(house: House) -> Counter[str]:
    """Ticks in the ledger, by actor."""
    return Counter(schedule for (schedule,) in house.sql("SELECT schedule FROM actors_tick"))


def now(house: House) -> datetime:
    """The database's clock."""
    [(moment,)] = house.sql("SELECT now()")
    assert isinstance(moment, datetime)
    return moment
