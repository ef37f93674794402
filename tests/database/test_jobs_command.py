"""`manage.py jobs pause` and `resume`: what rests, who said so, and why."""

import getpass
import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from actors.jobs import pauses
from actors.models import Pause

pytestmark = pytest.mark.django_db


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
