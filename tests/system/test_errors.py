"""Errors of real processes: Sentry, or a mail, hears of a job once it is given up, and of a page that fails."""

import json
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.stack.ports import wait_until
from tests.stack.processes import Program
from tests.stack.sentry import Sentry
from tests.system.house import COMMANDS, ROOT, START_S, House

HIDDEN = ("Ann", "Smith", "ann@example.com", "Main Street", "only-for-tests", "sessionid", "csrftoken", "hush-hush")
TOLD_S = 60.0


@contextmanager
def worker_that_breaks(house: House, **changes: str) -> Iterator[Program]:
    """A worker whose job fails at all of its three attempts."""
    command = [sys.executable, "-m", "tests.system.sick_worker", "job_breaks"]
    log = house.directory / f"breaks-{'-'.join(changes)}.log"
    with Program("worker", command, {**house.environment, **changes}, ROOT, log) as worker:
        worker.wait_for_output('"worker.ready"', START_S)
        yield worker


def give_up_one_more(worker: Program) -> None:
    """Returns when the job was given up; signals that come at once would be one."""
    before = worker.output().count('"job.given_up"')
    worker.send(signal.SIGUSR1)
    wait_until(lambda: worker.output().count('"job.given_up"') > before, "the job was given up", TOLD_S)


@pytest.fixture
def sentry() -> Iterator[Sentry]:
    """It hears everything."""
    with Sentry() as running:
        yield running


def test_sentry_hears_of_a_job_when_it_is_given_up(house: House, sentry: Sentry) -> None:
    """One event for three attempts, with actor, release and ids, and nothing personal in it."""
    with worker_that_breaks(house, SENTRY_DSN=sentry.dsn, RELEASE="1.2.3") as worker:
        worker.send(signal.SIGUSR1)
        worker.wait_for_output('"job.given_up"', TOLD_S)
        wait_until(lambda: sentry.events, "Sentry heard of it", TOLD_S)
        worker.stop()  # whatever else it has to tell is told by then

    assert worker.output().count("ValueError: no order") >= 3
    [event] = sentry.events
    assert event["release"] == "1.2.3"
    assert event["tags"]["actor"] == "broken"
    assert event["tags"]["message"]
    [error] = event["exception"]["values"]
    assert (error["type"], error["value"]) == ("ValueError", "no order 4711 of *** <***>, ***")
    assert error["stacktrace"]["frames"][-1]["function"] == "_broken"
    assert not [word for word in HIDDEN if word in "".join(sentry.raw)]


def test_a_worker_with_sentry_reads_the_messages_of_all_others(house: House, sentry: Sentry) -> None:
    """Sentry's notes in a message would make a dead letter of it."""
    with worker_that_breaks(house, SENTRY_DSN=sentry.dsn) as worker:
        worker.send(signal.SIGUSR1)
        wait_until(lambda: house.rabbitmq.counts("urgent.XQ") == 1, "it was a dead letter", TOLD_S)
    [letter] = house.take_all("urgent.XQ")
    assert letter["actor_name"] == "broken"
    assert set(letter["options"]) <= {"retries", "traceback", "requeue_timestamp"}


def test_sentry_hears_of_a_page_that_fails(house: House, sentry: Sentry) -> None:
    """By the name of its view; neither cookies, nor the address, nor the database's words about the row."""
    environment = {**house.environment, "SENTRY_DSN": sentry.dsn}
    with Program("web", COMMANDS["web"](house), environment, ROOT, house.directory / "web-sentry.log"):
        wait_until(house._web_answers, "the web answered", START_S)
        house.sql("ALTER TABLE commerce_product RENAME TO away")
        try:
            assert house.page("/?q=hush-hush").status_code == 500
            wait_until(lambda: sentry.events, "Sentry heard of it", TOLD_S)
        finally:
            house.sql("ALTER TABLE away RENAME TO commerce_product")
    [event] = sentry.events
    assert event["exception"]["values"][-1]["type"] == "ProgrammingError"
    assert "request" not in event
    assert not [word for word in HIDDEN if word in json.dumps(event)]


def test_admins_are_written_to_when_a_job_is_given_up(house: House) -> None:
    """Twice for four jobs: ERROR_MAILS_PER_HOUR is 2."""
    changes = {"ADMIN_EMAILS": "admin@example.com", "ERROR_MAILS_PER_HOUR": "2", "RELEASE": "1.2.3"}
    with worker_that_breaks(house, **changes) as worker:
        for _ in range(4):
            give_up_one_more(worker)
        wait_until(lambda: len(house.mail.messages) == 2, "two mails came", TOLD_S)
        worker.stop()

    first, second = house.mail.messages
    assert first.recipients == ("admin@example.com",)
    assert first.message["Subject"].startswith("[Tillkeeper] broken: ValueError at tests/system/sick_worker.py:")
    assert second.message["Subject"] == first.message["Subject"]
    text = first.message.get_content()
    assert not [word for word in HIDDEN if word in text]
