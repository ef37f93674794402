"""Bodies that no part of the house has sent."""

import json
from typing import Any

import pytest

from tests.stack.ports import HANG_S, wait_until
from tests.system.house import START_S, House, Placed, message

MARK = "ann@example.com, 1 Main Street"
YEAR_2500_MS = 16_725_225_600_000


def body(actor: str = "check_payment", *args: Any, **changes: Any) -> bytes:
    """A message with changes, as JSON; a field whose change is `...` is left out."""
    fields = {**message(actor, *(args or (MARK,))), **changes}
    return json.dumps({name: value for name, value in fields.items() if value is not ...}).encode()


MALFORMED = {
    "garbage": b"\x80\xff" + MARK.encode(),
    "not_json": MARK.encode(),
    "empty": b"",
    "null": b"null",
    "list": json.dumps([MARK]).encode(),
    "missing_field": body(actor_name=...),
    "extra_field": body(extra=MARK),
    "deep": b"[" * 30_000 + b"]" * 30_000,
    "options_null": body(options=None),
    "actor_name_object": body(actor_name={}),
    "other_queue": body(queue_name="routine"),
    "unknown_queue": body(queue_name="nowhere"),
    "unknown_actor": body("open_the_safe"),
    "retries_word": body(options={"retries": "x"}),
    "retries_negative": body(options={"retries": -1_000_000}),
    "max_retries_word": body(options={"max_retries": "x"}),
    "throws_word": body(options={"throws": "x"}),
    "time_limit_word": body(options={"time_limit": "x"}),
    "callback": body(options={"on_failure": "check_pending_payments"}),
    "kwargs_null": body(kwargs=None),
    "nan": body(args=[float("nan")]),
    "object_argument": body(args=[{"email": MARK}]),
    "too_long": body(args=[MARK * 4_000]),
    "late": body(options={"eta": YEAR_2500_MS}),
    "late_from_the_future": body(options={"eta": YEAR_2500_MS}, message_timestamp=YEAR_2500_MS),
}


@pytest.fixture(scope="module")
def _at_work(_house: House) -> House:
    """Web and worker; without the scheduler every message is one of the test."""
    _house.run()
    _house.tidy()
    _house.run("web", "worker")
    _house.part("worker").wait_for_output('"worker.ready"', START_S)  # until then threads come and go
    return _house


@pytest.fixture
def worker(_at_work: House) -> House:
    """The same one for all tests: what one of them does to it, the next would notice."""
    _at_work.tidy()
    return _at_work


@pytest.fixture(scope="module")
def order(_at_work: House) -> Placed:
    """An order that stays unpaid: a look at it is what the good messages ask for."""
    return _at_work.place_one()


@pytest.mark.parametrize("kind", MALFORMED)
def test_a_malformed_body_becomes_a_dead_letter_and_blocks_nobody(worker: House, order: Placed, kind: str) -> None:
    """What Tillkeeper cannot have sent goes to the dead letters at once, unlogged, and the next message is read."""
    threads, logged = worker.worker_threads(), len(worker.part("worker").output())

    worker.publish("urgent", MALFORMED[kind])
    look_at(worker, order)

    wait_until(lambda: worker.rabbitmq.counts("urgent.XQ") == 1, "it was a dead letter", HANG_S)
    assert worker.worker_threads() >= threads
    assert MARK not in worker.part("worker").output()[logged:]


def test_wrong_arguments_become_a_dead_letter_after_a_few_tries(worker: House, order: Placed) -> None:
    """A message that is well formed and makes no sense is tried again, a few times, and holds up no other."""
    threads = worker.worker_threads()

    worker.publish("urgent", body("check_payment", 1, 2, 3))
    look_at(worker, order)

    wait_until(lambda: worker.rabbitmq.counts("urgent.XQ") == 1, "it was a dead letter", HANG_S)
    [letter] = worker.take_all("urgent.XQ")
    assert letter["options"]["retries"] == 2
    assert worker.worker_threads() >= threads


def look_at(house: House, order: Placed) -> None:
    """A good message: the payment is due, and looked at."""
    before = len(house.asked(order))
    house.make_due([order])
    house.publish("urgent", message("check_payment", house.payment_id(order)))
    wait_until(lambda: len(house.asked(order)) > before, "a good message was worked on", HANG_S)
