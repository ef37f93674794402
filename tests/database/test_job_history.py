"""The history: one row for each run that did something, and none for a run that found nothing."""

import logging
import threading
from collections.abc import Iterator
from datetime import timedelta

import dramatiq
import pytest
from django.db import OperationalError
from django.db.models import Q
from dramatiq.broker import MessageProxy
from pytest_django.fixtures import Settings

from actors import pauses
from actors.models import Job, LossyLog, Worker
from actors.operations import dead_letters
from actors.operations.dead_letters import DeadLetterFilter
from actors.operations.queries.job_search import INDEXED, newest
from actors.runtime import heartbeat, history, running
from actors.runtime.recorder import BATCH, BUFFER, Recorder, recorder
from billing.models import AskedBy
from billing.payments.check import CHECK_QUEUE
from config.actions import ActionRefused
from config.due.queue import database_now
from config.log_outputs import Console, dropped_lines
from config.messaging.consumers import HandBackPaused, Paused
from tests.faces import Faces, Told
from tests.shop import Shop
from tests.stack.ports import wait_until


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> Iterator[dramatiq.Worker]:
    """Worker threads as in the embedded mode."""
    monkeypatch.setattr(heartbeat, "BEAT_S", 0.5)
    broker = dramatiq.get_broker()
    for queue_letters in broker.dead_letters_by_queue.values():  # type: ignore[attr-defined]
        queue_letters.clear()
    for queue in broker.queues.values():
        queue.queue.clear()
        queue.unfinished_tasks = 0  # a retry that an earlier worker held when it was stopped
    worker = dramatiq.Worker(broker, worker_threads=2, worker_timeout=50)
    worker.start()
    yield worker
    threads = [*worker.consumers.values(), *worker.workers]
    worker.stop(timeout=5_000)
    for thread in threads:
        thread.join(30)  # one that was left behind would take the next test's messages
    recorder.flush(20)  # or the next test finds rows of this one
    broker.middleware.remove(broker.middleware[-1])  # Dramatiq leaves the worker's own there
    broker.paused = frozenset()  # type: ignore[attr-defined]


def send(actor: str, *args: int) -> str:
    """As a nudge would; returns the message's id."""
    return str(dramatiq.get_broker().get_actor(actor).send(*args).message_id)


def work_off(worker: dramatiq.Worker) -> None:
    """Every message is worked on, and every row is written."""
    broker = dramatiq.get_broker()
    for queue in ("urgent", "routine"):
        broker.join(queue, timeout=20_000, fail_fast=False)  # type: ignore[call-arg]
    worker.join()
    recorder.flush(5)


def runs(message_id: str) -> list[Job]:
    """The rows about one message, oldest first."""
    return list(Job.objects.filter(message_id=message_id).order_by("ended_at", "pk"))


def a_job(**changes: object) -> Job:
    """A run that ended now."""
    now = database_now()
    facts = {
        "message_id": "m-1", "actor": "check_payment", "queue": "urgent", "args": "[17]", "attempt": 1,
        "outcome": "done", "began_at": now, "ended_at": now, "waited_s": 0.0, "worker": "w",
    }  # fmt: skip
    return Job(**{**facts, **changes})


def test_a_job_that_did_something_leaves_a_row(worker: dramatiq.Worker, shop: Shop) -> None:
    """What, where, how long, and how long it waited."""
    _, payment = shop.order()
    shop.buyer(payment, "pay")
    CHECK_QUEUE.make_due(Q(pk=payment.pk), AskedBy.OPERATOR)

    message_id = send("check_payment", payment.pk)

    wait_until(lambda: bool(runs(message_id)), "it was recorded")
    [job] = runs(message_id)
    assert (job.actor, job.queue, job.args, job.outcome, job.attempt) == (
        "check_payment", "urgent", f"[{payment.pk}]", "done", 1,
    )  # fmt: skip
    assert job.took_s > 0
    assert 0 <= job.waited_s < 10
    assert job.worker == Worker.objects.get(stopped_at=None).name


def test_a_sweep_that_found_nothing_leaves_none(worker: dramatiq.Worker) -> None:
    """A quiet shop runs a hundred thousand of them a day."""
    for actor in ("settle_orders", "check_pending_payments", "expire_orders", "send_pending_emails", "follow_refunds"):
        send(actor)
    for actor in ("check_payment", "send_order_confirmation", "process_payment_callback", "follow_refund"):
        send(actor, 12_345)
    work_off(worker)

    assert list(Job.objects.values_list("actor", flat=True)) == []


def test_a_failure_keeps_its_traceback_and_the_last_one_is_there_with_the_dead_letter(
    worker: dramatiq.Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The dead letter itself does not tell why."""
    monkeypatch.setattr(history, "TRACEBACK_CHARS", 500)
    message_id = send("check_payment", 1, 2, 3)

    wait_until(lambda: bool(dead_letters.find()), "it was given up")
    assert [job.outcome for job in runs(message_id)][-1] == "failed"
    recorder.flush(5)

    assert [(job.outcome, job.attempt) for job in runs(message_id)] == [("retried", 1), ("retried", 2), ("failed", 3)]
    failed = runs(message_id)[-1]
    assert failed.error.startswith("TypeError: check_payment()")
    assert failed.traceback.rstrip().endswith("3 were given")
    assert len(failed.traceback) <= 500
    assert [letter.error for letter in dead_letters.with_errors(dead_letters.find())] == [failed.error]


def test_a_dead_letter_is_sent_again_or_dropped(worker: dramatiq.Worker) -> None:
    """With a new id and a clean record."""
    send("check_payment", 1, 2, 3)
    wait_until(lambda: bool(dead_letters.find()), "it was given up")
    [first] = dead_letters.find()

    assert dead_letters.send_again(DeadLetterFilter(key="another")) == 0
    assert dead_letters.send_again(DeadLetterFilter(key=first.key)) == 1
    wait_until(lambda: bool(dead_letters.find()), "it was given up again")
    [second] = dead_letters.find()
    assert second.key != first.key
    assert dead_letters.drop(DeadLetterFilter(actor="check_payment")) == 1
    assert dead_letters.find() == []


def test_a_job_of_the_history_is_run_again() -> None:
    """With the arguments it had; what is too long, or nobody's, is refused."""
    message_id = history.run_again(a_job(args="[17]"))

    waiting = dramatiq.get_broker().queues["urgent"]
    message = dramatiq.Message.decode(waiting.get_nowait())
    waiting.task_done()
    assert (message.message_id, message.args) == (message_id, (17,))
    with pytest.raises(ActionRefused, match="no such actor"):
        history.run_again(a_job(actor="open_the_safe"))
    with pytest.raises(ActionRefused, match="arguments are gone"):
        history.run_again(a_job(args='"9000 characters"'))


def test_stale_nudges_are_remembered_and_stale_sweeps_are_not(worker: dramatiq.Worker) -> None:
    """A sweep's next tick does the work; after an hour without workers there are thousands of them."""
    broker = dramatiq.get_broker()
    for actor, args in (("settle_orders", ()), ("check_payment", (7,))):
        message = broker.get_actor(actor).message(*args)
        broker.enqueue(message.copy(message_timestamp=message.message_timestamp - 3_600_000))
    work_off(worker)

    assert list(Job.objects.values_list("actor", "outcome")) == [("check_payment", "dropped")]


def test_a_worker_gives_signs_of_life_and_says_goodbye(worker: dramatiq.Worker) -> None:
    """From before its first message to after its last."""
    [row] = Worker.objects.filter(stopped_at=None)
    assert row.threads == 2
    wait_until(lambda: Worker.objects.get(stopped_at=None).seen_at > row.seen_at, "it beat again")
    wait_until(lambda: Worker.objects.get(stopped_at=None).queues == ["routine", "urgent"], "it told its queues")

    worker.stop(timeout=5_000)

    assert Worker.objects.get(pk=row.pk).stopped_at is not None


def test_a_paused_queue_rests_within_a_beat_and_loses_nothing(worker: dramatiq.Worker) -> None:
    """What was sent meanwhile is worked on afterwards; the other queue goes on."""
    broker = dramatiq.get_broker()
    pauses.pause(pauses.QUEUE, "urgent", by="olga", why="the provider is moving")
    assert not pauses.pause(pauses.QUEUE, "urgent", by="pete", why="me too")
    wait_until(lambda: "urgent" in broker.paused, "the worker knew")  # type: ignore[attr-defined]

    message_id = send("check_payment", 1, 2, 3)
    other = send("send_order_confirmation", 1, 2)
    wait_until(lambda: bool(runs(other)), "the other queue went on")
    assert runs(message_id) == []

    assert pauses.resume(pauses.QUEUE, "urgent", by="olga")
    wait_until(lambda: bool(runs(message_id)), "it was worked on")


def test_what_was_fetched_before_the_pause_goes_back() -> None:
    """A message in a worker's memory is not run either, and not acknowledged."""
    broker = dramatiq.get_broker()
    send("check_payment", 7)
    consumer = broker.consume("urgent", prefetch=4, timeout=50)
    message = next(consumer)
    assert isinstance(message, MessageProxy)
    broker.paused = frozenset({"urgent"})  # type: ignore[attr-defined]
    try:
        with pytest.raises(Paused):
            HandBackPaused().before_process_message(broker, message)
        consumer.ack(message)
        assert next(consumer) is None
    finally:
        broker.paused = frozenset()  # type: ignore[attr-defined]
    again = next(consumer)
    assert isinstance(again, MessageProxy)
    assert again.args == (7,)
    consumer.ack(again)
    consumer.close()


def test_rows_wait_while_the_database_is_away_and_are_counted_when_there_are_too_many(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No job waits for its row, and memory has an end."""
    away = threading.Event()
    away.set()
    write = Job.objects.bulk_create

    def bulk_create(jobs: list[Job]) -> list[Job]:
        if away.is_set():
            raise OperationalError("gone")
        return write(jobs)

    monkeypatch.setattr(Job.objects, "bulk_create", bulk_create)
    own = Recorder()
    for _ in range(BUFFER + 7):
        own.offer(a_job())
    assert own.dropped == 7

    away.clear()
    own.flush(60)

    assert Job.objects.count() == BUFFER


def test_old_jobs_and_workers_are_pruned(settings: Settings) -> None:
    """After JOB_HISTORY_DAYS, in batches."""
    old = database_now() - timedelta(days=settings.JOB_HISTORY_DAYS, seconds=1)
    Job.objects.bulk_create([a_job(ended_at=old) for _ in range(BATCH)] + [a_job()])
    for number, seen_at in enumerate((old, database_now())):
        Worker.objects.create(name=f"w{number}", host="h", pid=1, threads=8, started_at=old, seen_at=seen_at)

    assert history.prune(60) is False

    assert Job.objects.count() == 1
    assert list(Worker.objects.values_list("name", flat=True)) == ["w1"]


def test_the_history_is_searched_by_what_one_knows() -> None:
    """Actor, outcome, message, time; the newest first."""
    Job.objects.bulk_create([a_job(), a_job(actor="settle_orders", outcome="failed", message_id="m-2")])

    assert [job.message_id for job in newest(INDEXED["actor"]("settle_orders"))] == ["m-2"]
    assert [job.message_id for job in newest(INDEXED["outcome"]("failed"))] == ["m-2"]
    assert [job.actor for job in newest(INDEXED["message"]("m-1"))] == ["check_payment"]
    assert list(newest(INDEXED["since"](database_now() + timedelta(seconds=60)))) == []
    assert len(newest()) == 2


def test_a_log_that_drops_lines_is_told_everywhere(worker: dramatiq.Worker, faces: Faces) -> None:
    """When it last did, by the database's clock; beats without new losses leave the row as it is. Work goes on."""
    [console] = [each for each in logging.getLogger().handlers if isinstance(each, Console)]
    before = database_now()
    console.lines.drop(5, "full")
    lossy = LossyLog.objects.filter(lines=dropped_lines())
    wait_until(lossy.exists, "a heartbeat told")
    told, beat = lossy.get(), Worker.objects.filter(name=running.worker_name())
    seen_at = database_now()
    assert before <= told.dropped_at <= seen_at
    problem = f"its log has dropped {dropped_lines()} lines since its start"
    assert faces.told() == Told({f"worker {running.worker_name()}": problem}, {"LogLinesDropped"})

    wait_until(lambda: beat.get().seen_at > seen_at, "the next heartbeat came")
    assert lossy.get().dropped_at == told.dropped_at
