"""Dead letters are read whatever they hold, and nothing they say reaches a terminal as it is."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from actors.operations import dead_letters
from actors.operations.dead_letters import SHOWN_CHARS, DeadLetter, DeadLetterFilter

DIED = datetime(2026, 3, 29, 12, tzinfo=UTC)


def body(**changes: Any) -> bytes:
    """A message of ours, with changes."""
    fields = {
        "queue_name": "urgent", "actor_name": "check_payment", "args": [17], "kwargs": {}, "options": {"retries": 2},
        "message_id": "m-1", "message_timestamp": 1_700_000_000_000,
    }  # fmt: skip
    return json.dumps({**fields, **changes}).encode()


HOSTILE = {
    "empty": b"",
    "no_utf8": b"\x80\xff",
    "escape": b"\x1b[2J\x1b[31mgone",
    "html": b"<script>alert(1)</script>",
    "huge": b"x" * 5_000_000,
    "deep": b"[" * 30_000,
    "options": body(options={"on_failure": "x"}),
    "not_an_object": b"[1]",
}


def test_a_letter_of_ours_can_be_sent_again() -> None:
    """What one needs to know to decide about it."""
    letter = dead_letters.read(body(), "urgent", DIED)

    assert letter == DeadLetter(
        "m-1", "urgent", "check_payment", "[17]", 2, datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC), DIED, ""
    )


def test_a_letter_to_nobody_says_so() -> None:
    """It can be dropped, not sent."""
    assert dead_letters.read(body(actor_name="open_the_safe"), "urgent", DIED).problem == "no such actor"


@pytest.mark.parametrize("name", HOSTILE)
def test_a_body_that_cannot_be_read_is_shown_in_part(name: str) -> None:
    """Printable, bounded, with a key by which it can be dropped."""
    letter = dead_letters.read(HOSTILE[name], "urgent", DIED)

    assert letter.problem.startswith("it cannot be read")
    assert len(letter.args) <= SHOWN_CHARS
    assert letter.args.isprintable()
    assert len(letter.key) == 16


@pytest.mark.parametrize("field", ["message_id", "actor_name"])
def test_what_a_message_says_of_itself_is_not_trusted(field: str) -> None:
    """A name may be anything."""
    letter = dead_letters.read(body(**{field: "\x1b[2J\n\u202e" + "x" * 9_000}), "urgent", DIED)

    assert (letter.key + letter.actor).isprintable()
    assert max(len(letter.key), len(letter.actor)) <= SHOWN_CHARS


def test_a_time_far_off_is_no_time() -> None:
    """Of sending: anybody may have written it."""
    assert dead_letters.read(body(message_timestamp=10**30), "urgent", DIED).sent_at is None


@pytest.mark.parametrize(
    ("which", "taken"),
    [
        (DeadLetterFilter(), True),
        (DeadLetterFilter(key="m-1"), True),
        (DeadLetterFilter(key="m-2"), False),
        (DeadLetterFilter(actor="check_payment", queue="urgent"), True),
        (DeadLetterFilter(actor="check_payment", queue="routine"), False),
        (DeadLetterFilter(older_than=timedelta(hours=1)), True),
        (DeadLetterFilter(older_than=timedelta(hours=3)), False),
    ],
)
def test_all_filters_must_agree(which: DeadLetterFilter, taken: bool) -> None:
    """Age counts from the death."""
    letter = dead_letters.read(body(), "urgent", DIED)

    assert which.takes(letter, DIED + timedelta(hours=2)) is taken
