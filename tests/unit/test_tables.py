"""What the commands print: tables, lengths of time, and strangers' words."""

import doctest
from datetime import timedelta

import pytest

from config import durations, tables


@pytest.mark.parametrize("module", [tables, durations], ids=lambda module: module.__name__)
def test_the_examples_are_true(module: object) -> None:
    """As the docstrings say."""
    result = doctest.testmod(module)  # type: ignore[arg-type]
    assert result.attempted > 0
    assert result.failed == 0


def test_a_table_without_rows_is_its_head() -> None:
    """So that one sees what was looked for."""
    assert tables.aligned(("id", "status"), []) == "id  status"


@pytest.mark.parametrize("hostile", ["\x1b[31mred", "two\nlines", "\rback", "\x07bell", "\u202ereversed", "\0"])
def test_a_stranger_cannot_steer_the_terminal(hostile: str) -> None:
    """Escape sequences, line breaks and writing directions are shown, not obeyed."""
    assert tables.plain(hostile).isprintable()


def test_a_letter_of_any_script_stays_as_it_is() -> None:
    """Only what cannot be seen is spelled out."""
    assert tables.plain("кофе · 咖啡 €") == "кофе · 咖啡 €"


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("15m", 900), ("2h", 7_200), ("3d", 259_200), ("0s", 0)])
def test_a_length_of_time_is_read(text: str, seconds: int) -> None:
    """In one unit."""
    assert durations.parse(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "15", "m", "-1h", "1.5h", "1w", "1h ", "1h 5m", "999999d", "١s"])
def test_what_is_no_length_of_time_is_refused(text: str) -> None:
    """With what to write instead."""
    with pytest.raises(ValueError, match="write one like 90s, 15m, 2h or 3d"):
        durations.parse(text)
