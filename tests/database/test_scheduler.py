"""The scheduler: each tick fires once, whoever runs and whoever was away."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import dramatiq
import pytest
from django.db import connection, connections
from pytest_django import Settings

from actors import pauses
from actors.models import Tick
from actors.operations.queries.schedule import ahead_s
from actors.scheduling import ledger
from actors.scheduling.periods import Cron, Every
from actors.scheduling.scheduler import Scheduler
from actors.scheduling.table import entries
from config.due.queue import database_now
from config.messaging.nudges import publisher
from tests.stack.ports import wait_until
from tests.threads import at_once

DAILY, HOURLY = "check_pending_payments", "prune_history"


def fired() -> Counter[str]:
    """How often each actor was nudged since the last look."""
    publisher.flush(timeout_s=5)
    broker = dramatiq.get_broker()
    messages: Counter[str] = Counter()
    for queue in broker.queues.values():
        while not queue.empty():
            messages[dramatiq.Message.decode(queue.get_nowait()).actor_name] += 1
            queue.task_done()
    return messages


@pytest.fixture(autouse=True)
def _no_seldom_tick_meanwhile() -> None:
    """Whatever fires by the hour or the day: a test begins after a tick that would otherwise fall into it."""
    periods = [entry.period for entry in entries() if isinstance(entry.period, Cron)]

    def none_comes_soon() -> bool:
        now = database_now()
        return all(period.latest(now) == period.latest(now + timedelta(seconds=10)) for period in periods)

    wait_until(none_comes_soon, "the next tick was over")


@pytest.fixture
def seldom(settings: Settings) -> timedelta:
    """Payments are checked so seldom that the latest tick is older than its window, and the next one far off; returns
    how long ago it was.
    """
    now = database_now()

    def far_off(seconds: int) -> timedelta:
        age = now - Every(seconds).latest(now)
        return min(age, timedelta(seconds=seconds) - age)

    settings.PAYMENT_CHECK_INTERVAL_S = max((3_600, 3_456, 2_700, 1_800), key=far_off)
    return now - Every(settings.PAYMENT_CHECK_INTERVAL_S).latest(now)


@contextmanager
def running(scheduler: Scheduler) -> Iterator[None]:
    """The scheduler's loop, in a thread of its own."""

    def loop() -> None:
        try:
            scheduler.loop()
        finally:
            connections.close_all()

    thread = threading.Thread(target=loop, name="scheduler", daemon=True)
    thread.start()
    try:
        yield
    finally:
        scheduler.stop()
        thread.join(20)
        assert not thread.is_alive()


def rename_ticks(old: str, new: str) -> None:
    """Take the ledger away, or bring it back."""
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {old} RENAME TO {new}")


def test_a_tick_is_fired_once() -> None:
    """Several wake-ups within the same second, or minute, or hour, are one tick."""
    scheduler, now = Scheduler(), database_now()
    for _ in range(5):
        scheduler.schedule()

    nudges = fired()
    # Daily ticks are caught up for some hours, so the time of day decides which of them are due.
    assert set(nudges) == {entry.actor for entry in entries() if entry.period.latest(now) >= now - entry.catch_up}
    assert nudges == Counter(Tick.objects.values_list("schedule", flat=True))


def test_two_schedulers_fire_each_tick_once() -> None:
    """As many nudges as ticks, with both of them awake at the same moments."""
    one, two, three = Scheduler(), Scheduler(), Scheduler()
    for _ in range(10):
        at_once(one.schedule, two.schedule, three.schedule)
        time.sleep(0.11)

    nudges = fired()
    assert nudges == Counter(Tick.objects.values_list("schedule", flat=True))
    assert nudges[HOURLY] <= 2
    assert set(Tick.objects.values_list("fired_by", flat=True)) <= {one.name, two.name, three.name}


def test_a_restarted_scheduler_does_not_repeat_a_tick() -> None:
    """The ledger remembers what the process has forgotten."""
    Scheduler().schedule()
    before = fired()

    Scheduler().schedule()

    assert before[HOURLY] == 1
    assert fired()[HOURLY] == 0


def test_a_tick_that_was_missed_within_its_window_is_caught_up_once() -> None:
    """The hourly pruning, however long ago its minute was, is done by the first scheduler that comes."""
    Scheduler().schedule()
    assert fired()[HOURLY] == 1

    scheduler = Scheduler()
    Tick.objects.filter(schedule=HOURLY).delete()
    for _ in range(3):
        scheduler.schedule()

    assert fired()[HOURLY] == 1


def test_of_many_missed_ticks_only_the_latest_is_caught_up() -> None:
    """After a day's absence the work is done once: a sweep finds everything that is due anyway."""
    long_ago = database_now() - timedelta(days=1)
    Tick.objects.create(schedule=HOURLY, due_at=long_ago, fired_by="a scheduler of yesterday")

    Scheduler().schedule()

    assert fired()[HOURLY] == 1
    assert Tick.objects.filter(schedule=HOURLY).count() == 2


def test_a_tick_older_than_its_window_is_gone(seldom: timedelta) -> None:
    """What should have come long ago does not come now."""
    assert seldom > timedelta(seconds=15)
    scheduler = Scheduler()

    scheduler.schedule()

    assert fired()[DAILY] == 0
    assert not Tick.objects.filter(schedule=DAILY).exists()


def test_pruning_keeps_what_could_still_be_caught_up() -> None:
    """Forgetting a tick within its window would fire it again."""
    scheduler = Scheduler()
    scheduler.schedule()
    fired()
    ledger.prune()

    Scheduler().schedule()

    assert fired()[HOURLY] == 0


@pytest.mark.parametrize("restarted", [True, False], ids=["restarted", "running"])
def test_ticks_of_the_future_do_not_stop_the_schedule(restarted: bool) -> None:
    """The database's clock was set back by half an hour: the ledger counts the coming ticks as fired."""
    scheduler = Scheduler()
    scheduler.schedule()
    sweep = next(entry for entry in entries() if entry.actor == "settle_orders")
    now = database_now()
    seconds = range(0, 1_800, sweep.period.seconds)  # type: ignore[union-attr]
    ahead = [sweep.period.next_valid_date(now) + timedelta(seconds=each) for each in seconds]
    Tick.objects.bulk_create(Tick(schedule="settle_orders", due_at=at, fired_by="the old clock") for at in ahead)
    assert ahead_s(database_now()) > 1_700
    fired()

    with running(Scheduler() if restarted else scheduler):
        wait_until(lambda: fired()["settle_orders"], "the sweep was fired again")

    assert ahead_s(database_now()) == 0.0


def test_a_clock_that_is_slewed_deletes_nothing() -> None:
    """NTP sets a clock back by milliseconds; each tick is fired once all the same."""
    Tick.objects.create(schedule="settle_orders", due_at=database_now() + timedelta(seconds=3), fired_by="another")

    assert ledger.delete_future(database_now()) == 0


@pytest.mark.parametrize(
    ("schedule", "age", "kept"),
    [
        ("settle_orders", timedelta(minutes=59), True),
        ("settle_orders", timedelta(minutes=61), False),
        (HOURLY, timedelta(hours=2), True),
        (HOURLY, timedelta(days=89), True),
        (HOURLY, timedelta(days=91), False),
    ],
)
def test_ticks_are_kept_for_their_retention_time(schedule: str, age: timedelta, kept: bool) -> None:
    """An hour of the frequent ones, three months of the others."""
    Tick.objects.create(schedule=schedule, due_at=database_now() - age, fired_by="somebody")

    assert ledger.prune() == (0 if kept else 1)

    assert Tick.objects.exists() == kept


def test_no_retention_time_is_shorter_than_a_window() -> None:
    """Whatever is entered into the table of the schedule."""
    assert all(entry.catch_up < ledger.RARE_RETENTION for entry in entries())


def test_only_who_enters_a_tick_first_may_fire_it() -> None:
    """The ledger's unique key decides; each due time is a tick of its own."""
    now = database_now()
    assert ledger.take({HOURLY: now}, "first") == [HOURLY]
    assert ledger.take({HOURLY: now}, "second") == []
    assert ledger.take({HOURLY: now + timedelta(hours=1)}, "second") == [HOURLY]


def test_the_loop_survives_a_database_that_does_not_answer(caplog: pytest.LogCaptureFixture) -> None:
    """It says so, waits, and goes on when the database is back."""
    table = Tick._meta.db_table
    rename_ticks(table, "away")
    try:
        scheduler = Scheduler()
        with running(scheduler):
            wait_until(lambda: "scheduler.no_database" in caplog.messages, "it was said")
            assert not fired()
            rename_ticks("away", table)
            wait_until(Tick.objects.exists, "it went on")
    finally:
        if table not in connection.introspection.table_names():
            rename_ticks("away", table)
    assert fired()


def test_the_loop_ends_soon_after_it_was_told_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stop does not wait for the next tick, which would come after a minute here."""
    scheduler, waits = Scheduler(), iter([0.0])
    monkeypatch.setattr(scheduler, "_wait_s", lambda: next(waits, 60.0))
    with running(scheduler):
        wait_until(Tick.objects.exists, "it waited for the next tick")


def test_a_paused_entry_is_not_fired_and_resuming_makes_nothing_up() -> None:
    """Its ticks are used up; the next one after the pause is fired as ever."""
    pauses.pause(pauses.SCHEDULE, HOURLY, by="olga", why="the database is being moved")
    Scheduler().schedule()
    assert HOURLY not in fired()

    pauses.resume(pauses.SCHEDULE, HOURLY, by="olga")
    for _ in range(3):
        Scheduler().schedule()
    assert HOURLY not in fired()
    assert Tick.objects.get(schedule=HOURLY).paused

    Tick.objects.filter(schedule=HOURLY).delete()  # as if its next time had come
    Scheduler().schedule()
    assert fired()[HOURLY] == 1


def test_a_pause_of_one_entry_holds_up_no_other() -> None:
    """Nor does a pause of a queue that has the same name as an entry."""
    pauses.pause(pauses.SCHEDULE, HOURLY, by="olga", why="a test")
    pauses.pause(pauses.QUEUE, DAILY, by="olga", why="a test")

    Scheduler().schedule()

    assert fired()[DAILY] == 1
