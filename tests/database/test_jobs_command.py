"""`manage.py jobs`: what rests, who said so, and why; what it says to people; and what makes no sense to it."""

import getpass
import json
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from actors import pauses
from actors.models import Pause
from config.due.queue import database_now
from tests.consoles import job, worker

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite_is_enough]


def told(*words: str) -> Any:
    """What a program reads."""
    printed = StringIO()
    call_command("jobs", *words, "--json", stdout=printed)
    return json.loads(printed.getvalue())


def refused(*words: str) -> CommandError:
    """The complaint."""
    with pytest.raises(CommandError) as complaint:
        call_command("jobs", *words, stdout=StringIO())
    return complaint.value


@pytest.mark.parametrize(
    ("name", "kind"), [("urgent", pauses.QUEUE), ("check_pending_payments", pauses.SCHEDULE)], ids=["queue", "schedule"]
)
def test_what_is_paused_says_by_whom_and_why(name: str, kind: Pause.Kind) -> None:
    """By the operating system's name; then it goes on."""
    assert told("pause", name, "--why", "the provider moves") == {"paused": name, "by": getpass.getuser(), "new": True}

    row = Pause.objects.get()
    assert (row.kind, row.name, row.paused_by, row.why) == (kind, name, getpass.getuser(), "the provider moves")
    assert told("resume", name)["rested"]
    assert not Pause.objects.exists()


def test_the_first_reason_stands() -> None:
    """A second pause and a second resume are no failures: all is as was wanted."""
    told("pause", "urgent", "--why", "first")

    assert not told("pause", "urgent", "--why", "second")["new"]
    assert Pause.objects.get().why == "first"
    told("resume", "urgent")
    assert not told("resume", "urgent")["rested"]


def test_an_unknown_name_is_no_answer() -> None:
    """With those there are."""
    complaint = refused("pause", "urgnet\x1b[2J", "--why", "a test")

    assert complaint.returncode == 2
    assert "queue: routine, urgent" in str(complaint)
    assert str(complaint).isprintable()
    assert not Pause.objects.exists()


def test_a_pause_needs_a_reason() -> None:
    """Not a blank one either."""
    assert "--why" in str(refused("pause", "urgent"))
    assert "--why" in str(refused("pause", "urgent", "--why", " "))


def test_what_is_gone_from_the_code_can_go_on() -> None:
    """Else its row would stand there for ever."""
    pauses.pause(pauses.SCHEDULE, "of_last_year", "olga", "a test")

    assert told("resume", "of_last_year")["rested"]


@pytest.mark.parametrize(
    "words",
    [
        ("history", "no-such-id"), ("dead", "no-such-id"), ("dead", "--drop", "no-such-id"), ("retry", "no-such-id"),
        ("dead", "--queue", "urgnet"), ("retry", "--all", "--queue", "urgnet"),
    ],
    ids=" ".join,
)  # fmt: skip
def test_what_is_not_there_is_no_answer(words: tuple[str, ...]) -> None:
    """A misspelt queue that is "empty", or an id of which "nothing is remembered", would be taken for good news."""
    complaint = refused(*words)

    assert complaint.returncode == 2
    assert words[-1] in str(complaint) or words[0] == "retry"


def test_statistics_are_of_workers_that_run_and_read_like_words() -> None:
    """One that was killed is for the doctor."""
    now = database_now()
    worker(name="here:1:a", seen_at=now)
    worker(name="gone:1:b", seen_at=now - timedelta(minutes=1))
    job()
    job(outcome="failed")
    printed = StringIO()

    call_command("jobs", "stats", stdout=printed)

    assert "here:1:a" in printed.getvalue()
    assert "gone:1:b" not in printed.getvalue()
    assert "{" not in printed.getvalue()
    assert [row["worker"] for row in told("stats")["workers"]] == ["here:1:a"]
