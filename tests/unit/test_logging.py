"""Logs: one event a line, with the ids one searches for, whatever comes from outside."""

import json
import logging
import re
import sys
from datetime import UTC, datetime
from typing import Any

import pytest

from config.logging import JsonLines, Readable, configuration, log_context

FORGED = "x\n2026-03-01 payment.succeeded payment=17"
LINE_BREAKS = ["\n", "\r", "\r\n", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029"]


def record(event: str = "payment.succeeded", severity: int = logging.INFO, **fields: Any) -> logging.LogRecord:
    """What `log.info(event, extra=fields)` makes."""
    log = logging.getLogger("billing.payments.check")
    return log.makeRecord(log.name, severity, "looks.py", 1, event, (), None, extra=fields)


def json_line(made: logging.LogRecord) -> dict[str, Any]:
    """The line, read again."""
    line: dict[str, Any] = json.loads(JsonLines().format(made))
    return line


def readable(made: logging.LogRecord) -> str:
    """The line without its clock, which is checked."""
    clock, _, line = Readable().format(made).partition(" ")
    assert re.fullmatch(r"\d\d:\d\d:\d\d", clock)
    return line


# --- JSON ------------------------------------------------------------------------------------------------------------


def test_a_line_says_when_how_bad_what_and_where() -> None:
    """Four words in every line; the time is UTC."""
    made = record(severity=logging.WARNING)
    made.created = datetime(2026, 3, 1, 12, 30, 5, 250_000, tzinfo=UTC).timestamp()

    assert json_line(made) == {
        "at": "2026-03-01T12:30:05.250+00:00",
        "level": "warning",
        "event": "payment.succeeded",
        "logger": "billing.payments.check",
    }


def test_the_data_of_the_event_are_fields() -> None:
    """Numbers stay numbers; what JSON does not know is written as text."""
    line = json_line(record(payment=17, order="aB-3", paid=True, note=None, moment=datetime(2026, 3, 1, tzinfo=UTC)))

    assert (line["payment"], line["order"], line["paid"], line["note"]) == (17, "aB-3", True, None)
    assert line["moment"] == "2026-03-01 00:00:00+00:00"


def test_everything_inside_the_block_tells_what_the_thread_is_busy_with() -> None:
    """Blocks add up, and nothing is left of them afterwards."""
    with log_context(actor="check_payment", message="m-1"):
        with log_context(payment=17):
            inner = json_line(record())
        outer = json_line(record())
    after = json_line(record())

    assert (inner["actor"], inner["message"], inner["payment"]) == ("check_payment", "m-1", 17)
    assert (outer["actor"], "payment" in outer) == ("check_payment", False)
    assert not {"actor", "message", "payment"} & after.keys()


def test_a_block_that_fails_leaves_nothing_behind() -> None:
    """Or the next job of the thread would be logged under the wrong id."""
    with pytest.raises(ZeroDivisionError), log_context(payment=17):
        raise ZeroDivisionError

    assert "payment" not in json_line(record())


def test_the_events_own_data_beat_those_of_the_block() -> None:
    """They are closer to what happened."""
    with log_context(payment=1):
        assert json_line(record(payment=2))["payment"] == 2


@pytest.mark.parametrize("name", ["at", "level", "event", "logger"])
def test_no_field_hides_the_four_words(name: str) -> None:
    """When, how bad, what and where are what one searches by."""
    made = record()
    setattr(made, name, "forged")

    assert json_line(made)[name] != "forged"


@pytest.mark.parametrize("line_break", ["\n", "\r", "\r\n", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e"])
def test_a_forged_line_break_stays_in_its_line(line_break: str) -> None:
    """In the event, in the name of a field and in its value."""
    forged = f"x{line_break}y"
    line = JsonLines().format(record(forged, note=forged, **{forged: 1}))

    assert len(line.splitlines()) == 1
    assert json.loads(line) == json.loads(line) | {"event": forged, "note": forged, forged: 1}


def test_an_error_brings_its_traceback_in_the_same_line() -> None:
    """A line is an event, always."""
    try:
        raise ValueError(FORGED)
    except ValueError:
        made = record()
        made.exc_info = sys.exc_info()
    line = JsonLines().format(made)

    assert "\n" not in line
    assert "ValueError" in json.loads(line)["traceback"]


def test_other_alphabets_stay_readable() -> None:
    """One can search for a name as it is written."""
    assert "Анна ☕" in JsonLines().format(record(name_of="Анна ☕"))


# --- readable --------------------------------------------------------------------------------------------------------


def test_a_readable_line_is_a_sentence() -> None:
    """The clock, the event, and then its data."""
    assert readable(record(payment=17, order="aB-3")) == "payment.succeeded         payment=17 order=aB-3"


def test_a_readable_line_without_data_ends_with_the_event() -> None:
    """No trailing white space."""
    assert readable(record("order.paid")) == "order.paid"


@pytest.mark.parametrize("line_break", LINE_BREAKS)
def test_a_forged_line_break_stays_in_its_readable_line(line_break: str) -> None:
    """Whatever counts as a line break anywhere."""
    forged = f"x{line_break}12:30:05 payment.succeeded payment=17"
    line = Readable().format(record(forged, note=forged))

    assert len(line.splitlines()) == 1


@pytest.mark.parametrize("escape", ["\x1b[2J", "\x9b31m", "\x07", "\x08", "\x00", "\u202e"])
def test_no_control_character_reaches_the_terminal(escape: str) -> None:
    """It could hide a line, or colour it."""
    assert escape not in Readable().format(record(f"a{escape}b", note=f"a{escape}b"))


def test_a_value_cannot_pretend_to_be_another_field() -> None:
    """A value with blanks and an equals sign is put into quotation marks."""
    assert readable(record(note="x payment=17")).endswith('note="x payment=17"')


def test_a_readable_error_is_followed_by_its_traceback() -> None:
    """For the person who is looking."""
    try:
        raise ValueError("broken")
    except ValueError:
        made = record()
        made.exc_info = sys.exc_info()

    assert Readable().format(made).endswith("ValueError: broken")


# --- configuration ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("style", ["json", "readable"])
def test_libraries_speak_only_when_something_is_wrong(style: str) -> None:
    """Ours from the chosen level on, to standard error."""
    configured = configuration(style, "INFO")

    assert configured["root"] == {"handlers": ["stderr", "error_mails"], "level": "INFO"}
    assert {name: logger["level"] for name, logger in configured["loggers"].items()}.items() >= {
        ("dramatiq", "WARNING"),
        ("urllib3", "WARNING"),
        ("django", "WARNING"),
        ("pika", "CRITICAL"),
    }


def test_configured_again_it_is_as_quiet_about_results() -> None:
    """A second configuration resets every logger that it does not name: the shop's log had a line for each sweep."""
    named = configuration("readable", "INFO")["loggers"]

    assert named["dramatiq.worker.WorkerThread"]["level"] == "ERROR"
