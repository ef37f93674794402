"""What the commands print and read: tables, lengths of time, and strangers' words."""

import doctest
import json
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from django.utils import translation

from config import formats
from config.cli import tables
from config.cli.tables import MAX_CELL_CHARS, as_json, cell, table
from config.formats import printable, storable


@pytest.mark.parametrize("module", [tables, formats], ids=lambda module: module.__name__)
def test_the_examples_are_true(module: object) -> None:
    """As the docstrings say."""
    result = doctest.testmod(module)  # type: ignore[arg-type]
    assert result.attempted > 0
    assert result.failed == 0


def test_columns_are_aligned_and_numbers_stand_to_the_right() -> None:
    """Headings without units, which the cells tell."""
    rows = [{"actor": "a", "runs": 5, "mean_s": 0.012}, {"actor": "settle_orders", "runs": 12_000, "mean_s": None}]

    assert table(rows, "none").splitlines() == [
        "actor           runs   mean",
        "a                  5  12 ms",
        "settle_orders  12000      –",
    ]


def test_no_rows_are_a_sentence() -> None:
    """Not an empty screen."""
    assert table([], "Nothing runs.") == "Nothing runs."


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "–"),
        ("", "–"),
        (True, "yes"),
        (["a", "b"], "a, b"),
        (datetime(2026, 3, 29, 14, 0, 5, tzinfo=timezone(timedelta(hours=2))), "2026-03-29 12:00:05"),
        ("\x1b[2J", "\\x1b[2J"),
        (0.25, "250 ms"),
        (timedelta(minutes=75), "1 h 15 min"),
        ("x" * 100, "x" * (MAX_CELL_CHARS - 1) + "…"),
    ],
)
def test_a_cell_is_one_line(value: object, shown: str) -> None:
    """Whatever it holds; times are UTC."""
    assert cell(value) == shown


def test_json_has_all_of_it() -> None:
    """Nothing is cut off for a program."""
    at, day = datetime(2026, 3, 29, tzinfo=UTC), date(2026, 3, 29)
    rows = [{"at": at, "day": day, "text": "x" * 100, "took_s": 0.5, "limit": timedelta(minutes=1)}]

    [read] = json.loads(as_json(rows))

    assert read["at"] == "2026-03-29T00:00:00+00:00"
    assert (read["day"], read["text"], read["took_s"], read["limit"]) == ("2026-03-29", "x" * 100, 0.5, 60)


def test_a_program_gets_ascii() -> None:
    """A terminal of any encoding can print it, and a stranger cannot steer it."""
    said = as_json({"text": "кофе \x1b[2J \ud800 \x9b"})

    assert said.isascii()
    assert "\x1b" not in said
    assert json.loads(said)["text"] == "кофе \x1b[2J \ud800 \x9b"


@pytest.mark.parametrize(
    "hostile", ["\x1b[31mred", "two\nlines", "\rback", "\x07bell", "\u202ereversed", "\0", "\ud800"]
)
def test_a_stranger_cannot_steer_the_terminal(hostile: str) -> None:
    """Escape sequences, line breaks and writing directions are shown, not obeyed."""
    assert cell(hostile).isprintable()


@pytest.mark.parametrize("text", ["a\0b", "\ud800", "x" * 100, "é\0" * 100])
def test_every_text_can_be_stored(text: str) -> None:
    """PostgreSQL takes neither NUL nor half a surrogate pair."""
    stored = storable(text, 64)

    assert len(stored.encode()) >= 1
    assert len(stored) <= 64
    assert "\0" not in stored


def test_printable_text_stays_as_it_is() -> None:
    """In every language."""
    assert printable("Заказ № 5 – é") == "Заказ № 5 – é"
    assert printable("a\nb\x1b\u202e") == "a\\nb\\x1b\\u202e"


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("15m", 900), ("2h", 7_200), ("3d", 259_200), ("0s", 0)])
def test_a_length_of_time_is_read(text: str, seconds: int) -> None:
    """In one unit."""
    assert formats.parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("seconds", "english", "russian"),
    [(None, "–", "–"), (0, "0 s", "0 с"), (0.25, "250 ms", "250 мс"), (4.25, "4.2 s", "4,2 с"),
     (750.0, "12 min 30 s", "12 мин 30 с"), (11_100.0, "3 h 5 min", "3 ч 5 мин"), (200_000, "2 d 7 h", "2 д 7 ч")],
)  # fmt: skip
def test_a_length_of_time_is_written_in_the_readers_language(seconds: float | None, english: str, russian: str) -> None:
    """The same for the console, the report and the sentences about a payment."""
    with translation.override("en"):
        assert formats.localized(seconds) == english
    with translation.override("ru"):
        assert formats.localized(seconds) == russian


def test_a_share_is_written_in_the_readers_language() -> None:
    """Without decimals."""
    written = {}
    for language in ("en", "ru", None):
        with translation.override(language):
            written[language] = formats.percent(0.846)

    assert written == {"en": "85%", "ru": "85\N{NO-BREAK SPACE}%", None: "85%"}


@pytest.mark.parametrize("text", ["", "15", "m", "-1h", "1.5h", "1w", "1h ", "1h 5m", "999999d", "١s"])
def test_what_is_no_length_of_time_is_refused(text: str) -> None:
    """With what to write instead."""
    with pytest.raises(ValueError, match="write one like 90s, 15m, 2h or 3d"):
        formats.parse_duration(text)
