"""Jobs as an operator sees them, on RabbitMQ and PostgreSQL: poison, dead letters, pauses, and the doctor."""

import json
from typing import Any

import pytest

from tests.stack.ports import wait_until
from tests.system.house import House, Placed, message

GARBAGE = b"\x80\xff\x1b[31m<script>"


def jobs(house: House, *words: str, status: int = 0) -> Any:
    """What `manage.py jobs … --json` says."""
    run = house.manage("jobs", *words, "--json")
    assert run.returncode == status, run.stdout + run.stderr
    return json.loads(run.stdout)


def outcomes(house: House, message_id: str) -> list[str]:
    """What became of a message, oldest first."""
    rows = house.sql("SELECT outcome FROM actors_job WHERE message_id = %s ORDER BY ended_at", message_id)
    return [outcome for (outcome,) in rows]


def dead(house: House) -> int:
    """Letters that wait in the queue of the dead."""
    return house.rabbitmq.counts("urgent.XQ")


@pytest.fixture
def worker(house: House) -> House:
    """Web and worker; without the scheduler every message is one of the test."""
    house.run("web", "worker")
    return house


@pytest.fixture
def letters(worker: House) -> list[str]:
    """Three dead letters: one of ours, one to nobody, one that cannot be read; their keys, oldest first."""
    bodies: list[bytes | dict[str, Any]] = [GARBAGE, message("open_the_safe", 1), message("check_payment", 1, 2)]
    for number, body in enumerate(bodies, start=1):
        worker.publish("urgent", body)
        wait_until(lambda count=number: dead(worker) == count, "it was a dead letter")  # type: ignore[misc]
    return [letter["key"] for letter in jobs(worker, "dead")]


def make_due_afresh(house: House, order: Placed) -> None:
    """As if its payment had never been claimed: the rows' own count of deaths is not what is tried here."""
    house.sql("UPDATE billing_payment SET claims = 0 WHERE id = %s", house.payment_id(order))
    house.make_due([order])


@pytest.mark.campaign
def test_a_message_that_ends_its_worker_three_times_is_quarantined(worker: House) -> None:
    """Not a fourth time: it is a dead letter and a row, and one command releases it."""
    order = worker.place_one()
    poison = message("check_payment", worker.payment_id(order))
    worker.provider.fault("status", "hang", hang_s=60)
    with worker.told(worker={"PAYMENT_API_TIMEOUT_S": "60"}):  # it surely dies before it gives up the look
        worker.publish("urgent", poison)
        for _ in range(3):
            before = len(worker.asked(order))
            make_due_afresh(worker, order)
            worker.part("worker").start()
            wait_until(lambda count=before: len(worker.asked(order)) > count, "it was begun")  # type: ignore[misc]
            worker.part("worker").kill()
    worker.provider.clear_faults()

    worker.start("worker")

    wait_until(lambda: outcomes(worker, poison["message_id"]) == ["quarantined"], "it was quarantined")
    [letter] = jobs(worker, "dead")
    assert letter["key"] == poison["message_id"]
    assert "three" in letter["error"] or "3" in letter["error"]
    make_due_afresh(worker, order)
    before = len(worker.asked(order))
    assert jobs(worker, "retry", letter["key"]) == {"sent again": 1}
    wait_until(lambda: len(worker.asked(order)) > before, "it was run again")
    assert dead(worker) == 0


@pytest.mark.campaign
def test_a_broker_that_is_restarted_three_times_makes_nobody_suspect(worker: House) -> None:
    """Its messages come back, but their workers live."""
    order = worker.place_one()
    worker.provider.fault("status", "hang", hang_s=1)
    innocent = message("check_payment", worker.payment_id(order))
    for _ in range(3):
        worker.make_due([order])
        worker.publish("urgent", innocent)
        worker.rabbitmq.kill()
        worker.rabbitmq.start()
        wait_until(lambda: worker.consumers("urgent") == 1, "the worker was back")

    wait_until(lambda: worker.rabbitmq.counts("urgent") == 0, "all was taken")
    assert "quarantined" not in outcomes(worker, innocent["message_id"])
    assert dead(worker) == 0


def test_to_look_at_dead_letters_loses_and_reorders_none(worker: House, letters: list[str]) -> None:
    """Not even if one looks often; and what is shown of them is printable."""
    for _ in range(3):
        assert [letter["key"] for letter in jobs(worker, "dead")] == letters
    assert dead(worker) == 3
    shown = worker.manage("jobs", "dead").stdout
    assert "\x1b" not in shown
    assert "no such actor" in shown


@pytest.mark.campaign
def test_a_look_that_dies_in_the_middle_loses_and_reorders_none(worker: House, letters: list[str]) -> None:
    """RabbitMQ gives back what was not acknowledged."""
    with worker.channel() as channel:
        taken = [channel.basic_get("urgent.XQ")[0] for _ in letters]
        assert all(taken)
    assert [letter["key"] for letter in jobs(worker, "dead")] == letters


@pytest.mark.campaign
def test_dead_letters_go_singly_or_by_filter(worker: House, letters: list[str]) -> None:
    """What cannot be sent again stays until it is dropped; a letter that is not there is no answer."""
    garbage, unknown, ours = letters
    assert jobs(worker, "retry", "--all", "--actor", "check_payment") == {"sent again": 1}
    wait_until(lambda: dead(worker) == 3, "it failed again")
    assert ours not in [letter["key"] for letter in jobs(worker, "dead")]

    assert "write --all" in worker.manage("jobs", "dead", "--drop").stderr
    assert jobs(worker, "dead", "--drop", garbage) == {"dropped": 1}
    assert jobs(worker, "dead", "--drop", "--actor", "open_the_safe") == {"dropped": 1}
    again = worker.manage("jobs", "dead", "--drop", unknown)
    assert (again.returncode, again.stdout) == (2, "")
    assert "There is no dead letter" in again.stderr
    assert jobs(worker, "dead", "--drop", "--older-than", "1d") == {"dropped": 0}
    assert jobs(worker, "dead", "--drop", "--queue", "urgent") == {"dropped": 1}
    assert dead(worker) == 0


def test_a_paused_queue_keeps_its_messages_and_what_runs_is_run_once(worker: House) -> None:
    """Within a beat nobody consumes it; a job that runs meanwhile is acknowledged, not repeated."""
    order = worker.place_one()
    worker.provider.fault("status", "hang", hang_s=4)
    running = message("check_payment", worker.payment_id(order))
    before = len(worker.asked(order))
    worker.make_due([order])
    worker.publish("urgent", running)
    wait_until(lambda: len(worker.asked(order)) > before, "it was begun")

    assert jobs(worker, "pause", "urgent", "--why", "a test")["new"]
    try:
        wait_until(lambda: worker.consumers("urgent") == 0, "the queue rested")
        waiting = message("check_payment", 1, 2)
        worker.publish("urgent", waiting)
        wait_until(lambda: outcomes(worker, running["message_id"]) == ["done"], "what ran came to its end")
        [urgent] = [queue for queue in jobs(worker, "queues") if queue["name"] == "urgent"]
        assert (urgent["ready"], urgent["consumers"]) == (1, 0)
        assert "it is paused" in worker.manage("jobs", "doctor").stdout
    finally:
        assert jobs(worker, "resume", "urgent")["rested"]

    wait_until(lambda: bool(outcomes(worker, waiting["message_id"])), "it was worked on")
    assert outcomes(worker, running["message_id"]) == ["done"]


def test_the_doctor_finds_nothing_in_a_full_house(house: House) -> None:
    """And says so with its status. What other tests have left for a person would be findings for long."""
    house.sql("DELETE FROM actors_worker")
    house.sql("UPDATE billing_payment SET attention = '', attention_note = ''")
    house.sql("UPDATE commerce_order SET attention_note = ''")
    house.sql("UPDATE commerce_notification SET status = 'sent' WHERE status = 'given_up'")
    house.run("web", "worker", "scheduler")
    said = []

    def is_content() -> bool:
        said.append(house.manage("jobs", "doctor"))
        return said[-1].returncode == 0

    try:
        wait_until(is_content, "all was well")
    finally:
        print(said[-1].stdout)


@pytest.mark.campaign
def test_the_doctor_names_what_is_missing_and_what_to_do(worker: House) -> None:
    """No worker, a queue with other arguments, and a broker that does not answer."""
    worker.run("web")
    with worker.channel() as channel:
        channel.queue_delete("routine.DQ")
        channel.queue_declare("routine.DQ", durable=True)
    try:
        said = worker.manage("jobs", "doctor")
        assert said.returncode == 1
        assert "queue urgent: no worker takes its messages" in said.stdout
        assert "queue routine.DQ: it exists with other arguments" in said.stdout
    finally:
        with worker.channel() as channel:
            channel.queue_delete("routine.DQ")
    worker.rabbitmq.freeze()
    try:
        assert "does not answer" in worker.manage("jobs", "doctor").stdout
        asked = worker.manage("jobs", "queues")
    finally:
        worker.rabbitmq.thaw()
    assert asked.returncode == 2
    assert "does not answer" in asked.stderr
    assert "Traceback" not in asked.stderr


def test_every_word_answers_people_and_programs(worker: House) -> None:
    """A table, and the same as JSON. The words only read, so one worker is enough for all of them."""
    for word in ("active", "registered", "scheduled", "reserved", "stats", "history", "queues", "dead"):
        table = worker.manage("jobs", word)
        assert table.returncode == 0, table.stderr
        assert isinstance(jobs(worker, word), list | dict), word


def test_a_database_that_is_away_is_a_sentence(house: House) -> None:
    """Not a traceback."""
    run = house.manage("jobs", "history", changes={"DATABASE_URL": "postgres://nobody@127.0.0.1:9/none"})

    assert run.returncode == 2
    assert "The database does not answer" in run.stderr
    assert "Traceback" not in run.stderr
