"""The console's parts that need no database: the search, the slots of a chart, times in words, and watching others."""

import doctest
import threading
import time
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from actors.console.facts import schedule, searching
from actors.console.facts.lately import SLOTS, spread
from actors.console.facts.searching import understood
from actors.console.facts.watching import Watch
from config.database.counts import Some
from tests.stack.ports import wait_until

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


def test_the_examples_in_the_docstrings_are_true() -> None:
    """As they stand there."""
    failed, tried = doctest.testmod(schedule)
    assert (failed, tried > 0) == (0, True)


# --- searching -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "looked_up"),
    [
        ("actor:check_payment", ("actor", "check_payment")),
        ("OUTCOME:Failed", ("outcome", "failed")),
        ("since:2h", ("ended_at__gte", NOW - timedelta(hours=2))),
        ("since:2026-03-01", ("ended_at__gte", datetime(2026, 3, 1, tzinfo=UTC))),
        ("since:2026-03-01T09:30", ("ended_at__gte", datetime(2026, 3, 1, 9, 30, tzinfo=UTC))),
    ],
)
def test_what_has_an_index_is_looked_up_there(typed: str, looked_up: tuple[str, object]) -> None:
    """Nothing is scanned for it."""
    search = understood(typed, NOW)
    assert (search.indexed.children, search.is_scan, search.problem) == ([looked_up], False, "")


@pytest.mark.parametrize("qualifier", sorted(searching.SCANS))
def test_what_has_none_is_looked_for_among_few(qualifier: str) -> None:
    """With words in quotation marks as one."""
    search = understood(f'{qualifier}:"no route to host"', NOW)
    assert search.is_scan
    assert search.scanned.children[0][1] == "no route to host"  # type: ignore[index]


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("check_payment", "“check_payment” is not understood"),
        ("colour:red", "“colour:red” is not understood"),
        ("outcome:fine", "“fine” is no outcome"),
        ("since:yesterday", "“yesterday” is no time"),
        ("since:2026-02-31", "“2026-02-31” is no time"),
        ("since:999999d", "“999999d” is no time"),
        ("actor:", "is not understood"),
    ],
)
def test_what_cannot_be_understood_is_said(typed: str, said: str) -> None:
    """Nothing is looked for then: a search that silently forgets a word finds the wrong things."""
    search = understood(typed, NOW)
    assert said in search.problem
    assert searching.found(search, None, 50) == []


# --- counting and charts ---------------------------------------------------------------------------------------------


def test_counts_add_up_and_say_where_they_end() -> None:
    """A plus means that there are more."""
    assert str(Some(10_000, is_cut=True) + Some(1)) == "10,001+"
    assert (bool(Some(0)), str(Some(3))) == (False, "3")


def test_the_last_hour_is_spread_over_its_slots() -> None:
    """Each thing falls into the slot in which it happened, the oldest slot first."""
    happened = [(NOW - timedelta(minutes=minutes), "done") for minutes in (0, 1, 7, 59)]
    slots = spread(happened, NOW, most=100)

    assert [begins_at for begins_at, _ in slots] == [NOW - timedelta(minutes=5 * n) for n in range(SLOTS, 0, -1)]
    assert [counts.total() for _, counts in slots] == [1, *[0] * 9, 1, 2]


def test_where_there_is_too_much_to_read_a_shorter_time_is_charted() -> None:
    """No slot looks empty only because its rows were not read."""
    happened = [(NOW - timedelta(seconds=seconds), "done") for seconds in range(120)]
    slots = spread(happened, NOW, most=120)

    assert slots[0][0] > NOW - timedelta(minutes=2)
    assert sum((counts for _, counts in slots), Counter()).total() == 120
    assert min(counts.total() for _, counts in slots) >= 9


# --- watching others -------------------------------------------------------------------------------------------------


def test_a_watch_that_is_answered_tells_the_answer() -> None:
    """At the first question, if it comes soon."""
    watch = Watch(lambda: 7, "test")
    wait_until(lambda: watch.latest().value == 7, "the answer was known", 5)
    assert watch.latest().problem == ""


def test_nobody_waits_for_one_who_is_silent() -> None:
    """The old answer, or none, at once; and one thread asks, however many want to know."""
    answer, asked = threading.Event(), []

    def ask() -> int:
        asked.append(1)
        answer.wait(30)
        return 7

    watch = Watch(ask, "test")
    began = time.monotonic()
    known = [watch.latest().value for _ in range(5)]
    took_s = time.monotonic() - began

    assert (known, len(asked)) == ([None] * 5, 1)
    assert took_s < 10
    answer.set()
    wait_until(lambda: watch.latest().value == 7, "the answer was known", 5)


def test_what_goes_wrong_is_told_and_the_old_answer_kept() -> None:
    """Until somebody answers again."""
    answers = iter([7])
    watch = Watch(lambda: next(answers), "test")
    wait_until(lambda: watch.latest().value == 7, "the answer was known", 5)

    wait_until(lambda: watch.latest().problem, "the problem was known", 5)

    assert watch.latest().value == 7
    assert watch.latest().age_s is not None
