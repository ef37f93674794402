"""What the command line shows."""

import doctest
import json
from datetime import UTC, datetime, timedelta, timezone

import pytest

from actors.jobs import tables
from actors.jobs.tables import WIDEST, as_json, cell, table


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
        ("x" * 100, "x" * (WIDEST - 1) + "…"),
    ],
)
def test_a_cell_is_one_line(value: object, shown: str) -> None:
    """Whatever it holds; times are UTC."""
    assert cell(value) == shown


def test_json_has_all_of_it() -> None:
    """Nothing is cut off for a program."""
    rows = [{"at": datetime(2026, 3, 29, tzinfo=UTC), "text": "x" * 100, "took_s": 0.5}]

    assert json.loads(as_json(rows)) == [{"at": "2026-03-29T00:00:00+00:00", "text": "x" * 100, "took_s": 0.5}]


def test_the_examples_are_true() -> None:
    """Those in the docstrings."""
    assert doctest.testmod(tables).failed == 0
