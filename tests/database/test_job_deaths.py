"""Which starts of a redelivered message were deaths, and which were not."""

from datetime import timedelta

import dramatiq
import pytest
from dramatiq.broker import MessageProxy

from actors.models import Redelivery, Worker
from actors.runtime import heartbeat, quarantine
from actors.runtime.quarantine import Quarantined, deaths, note_end, note_start, silence_limit
from actors.runtime.running import worker_name
from config.due.queue import DEATHS_ALLOWED, database_now

pytestmark = pytest.mark.sqlite_is_enough


@pytest.fixture(autouse=True)
def _quick_beats(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeat, "BEAT_S", 0.5)


def worker(name: str, *, silent: bool = False, stopped: bool = False) -> str:
    """A worker process as its row has it."""
    now = database_now()
    seen_at = now - 2 * silence_limit() if silent else now + timedelta(seconds=60)  # a clock ahead: it stays alive
    Worker.objects.create(
        name=name, host="h", pid=1, threads=8, started_at=now, seen_at=seen_at, stopped_at=now if stopped else None
    )
    return name


def started(*workers: str) -> None:
    """Each of them began to work on the message, and its end is not known."""
    for name in workers:
        Redelivery.objects.create(message_id="m-1", worker=name)


def a_message() -> MessageProxy:
    """The message."""
    return MessageProxy(dramatiq.get_broker().get_actor("check_payment").message(7).copy(message_id="m-1"))


def test_to_come_back_once_may_be_a_death() -> None:
    """Nothing is written about a first start, so this one is presumed."""
    assert deaths("m-1") == 1


def test_a_start_on_a_silent_worker_is_a_death() -> None:
    """So is one on a worker that nobody knows any more."""
    started(worker("dead", silent=True), "unknown")

    assert deaths("m-1") == 3


@pytest.mark.parametrize("innocent", ["alive", "stopped", "here"])
def test_a_start_whose_worker_lives_or_stopped_properly_is_none(innocent: str) -> None:
    """As after a restart of the broker, a connection that broke, a deployment."""
    names = {
        "alive": lambda: worker("alive"),
        "stopped": lambda: worker("stopped", silent=True, stopped=True),
        "here": worker_name,
    }
    started(*[names[innocent]()] * 5)

    assert deaths("m-1") == 1


def test_the_verdict_waits_for_a_sign_of_life() -> None:
    """A worker that died a moment ago was seen a moment ago."""
    name = worker("dying", silent=True)
    Worker.objects.update(seen_at=database_now())
    started("unknown", name)

    assert deaths("m-1") == 3


def test_at_the_third_death_a_message_is_not_run() -> None:
    """It fails, which makes it a dead letter; before that its starts are written down."""
    message = a_message()
    note_start(message)
    assert list(Redelivery.objects.values_list("message_id", "worker")) == [("m-1", worker_name())]
    started(*["unknown"] * (DEATHS_ALLOWED - 1))

    with pytest.raises(Quarantined):
        note_start(message)

    assert message.failed


def test_an_end_clears_the_record() -> None:
    """Whatever the outcome."""
    started("unknown")
    note_start(a_message())

    note_end(a_message())

    assert quarantine.deaths("m-1") == 1
    assert not Redelivery.objects.exists()
