"""The parts that need no database: the search, the slots of a chart, times in words, and cached queries."""

import doctest
import threading
import time
from datetime import UTC, datetime, timedelta
from operator import itemgetter
from types import ModuleType

import pytest
from django.http import QueryDict

from actors.console.sorting import Columns, by_column
from actors.operations.queries import job_search, schedule
from actors.operations.queries.cached_query import CachedQuery
from actors.operations.queries.job_search import listing, parse
from actors.operations.queries.paging import Shown
from actors.operations.queries.timeseries import HOUR, spread
from config.database import counts
from tests.stack.ports import HANG_S, wait_until

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
ORDERS = ["expire_orders", "remind_unpaid_orders", "settle_orders"]


@pytest.mark.parametrize("module", [schedule, counts], ids=lambda module: module.__name__)
def test_the_examples_in_the_docstrings_are_true(module: ModuleType) -> None:
    """As they stand there."""
    failed, tried = doctest.testmod(module)
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
    search = parse(typed, NOW)
    assert (search.indexed.children, bool(search.scanned), search.problem) == ([looked_up], False, "")


@pytest.mark.parametrize("qualifier", sorted(job_search.SCANS))
def test_what_has_none_is_looked_for_among_few(qualifier: str) -> None:
    """With words in quotation marks as one."""
    search = parse(f'{qualifier}:"no route to host"', NOW)
    assert search.scanned
    assert search.scanned.children[0][1] == "no route to host"  # type: ignore[index]


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("colour:red", "“colour:red” is not valid"),
        ("outcome:fine", "“fine” is not an outcome"),
        ("since:yesterday", "“yesterday” is not a time"),
        ("since:2026-02-31", "“2026-02-31” is not a time"),
        ("since:999999d", "“999999d” is not a time"),
        ("actor:", "is not valid"),
    ],
)
def test_what_cannot_be_understood_is_said(typed: str, said: str) -> None:
    """Nothing is looked for then: a search that silently forgets a word finds the wrong things."""
    search = parse(typed, NOW)
    assert said in search.problem
    assert listing(search, "").page(1) == ([], Shown(0, 0, 0))


@pytest.mark.parametrize(
    ("typed", "names"),
    [("check_payment", ["check_payment"]), ("REFUND", ["follow_refund", "follow_refunds"]), ("orders settle", [])],
)
def test_a_bare_word_is_an_actor_or_a_part_of_its_name(typed: str, names: list[str]) -> None:
    """The actors that the code declares are looked up; further words must be in the name too."""
    search = parse(typed, NOW)

    wanted = [("actor__in", names)] if names else [("actor__in", ORDERS), ("actor__in", ["settle_orders"])]
    assert (search.indexed.children, bool(search.scanned), search.problem) == (wanted, False, "")


def test_a_bare_word_that_no_actor_has_is_searched_for_in_old_jobs() -> None:
    """Actors are renamed, and their jobs stay."""
    search = parse("long_gone", NOW)
    assert (bool(search.indexed), search.scanned.children) == (False, [("actor__icontains", "long_gone")])


# --- counting and charts ---------------------------------------------------------------------------------------------


def test_counts_add_up_and_say_where_they_end() -> None:
    """A plus means that there may be more."""
    assert counts.counted(counts.total([10_000, 1])) == "10,000+"
    assert counts.counted(counts.total([1, 2])) == "3"


def test_the_last_hour_is_spread_over_its_slots() -> None:
    """Each thing falls into the slot in which it happened, the oldest slot first."""
    happened = [(NOW - timedelta(minutes=minutes), "done") for minutes in (0, 1, 7, 59)]
    slots = spread(happened, NOW, limit=100)

    assert [slot.begins_at for slot in slots] == [NOW - timedelta(minutes=5 * n) for n in range(HOUR.slots, 0, -1)]
    assert [sum(slot.counts.values()) for slot in slots] == [1, *[0] * 9, 1, 2]


def test_where_there_is_too_much_to_read_a_shorter_time_is_charted() -> None:
    """No slot looks empty only because its rows were not read."""
    happened = [(NOW - timedelta(seconds=seconds), "done") for seconds in range(120)]
    slots = spread(happened, NOW, limit=120)

    assert slots[0].begins_at > NOW - timedelta(minutes=2)
    assert sum(slot.counts["done"] for slot in slots) == 120
    assert min(slot.counts["done"] for slot in slots) >= 9


# --- cached queries -------------------------------------------------------------------------------------------------


def test_a_query_that_is_answered_tells_the_answer() -> None:
    """At the first question, if it comes soon."""
    query = CachedQuery(lambda: 7, "test")
    wait_until(lambda: query.latest().value == 7, "the answer was known")
    assert query.latest().problem == ""


def test_a_silent_broker_is_not_waited_for() -> None:
    """The old answer, or none, at once; and one thread asks, however many want to know."""
    answer, asked = threading.Event(), []

    def ask() -> int:
        asked.append(1)
        answer.wait(HANG_S)
        return 7

    query = CachedQuery(ask, "test")
    began = time.monotonic()
    known = [query.latest().value for _ in range(5)]
    took_s = time.monotonic() - began

    assert (known, len(asked)) == ([None] * 5, 1)
    assert took_s < 10
    answer.set()
    wait_until(lambda: query.latest().value == 7, "the answer was known")


def test_what_goes_wrong_is_told_and_the_old_answer_kept() -> None:
    """Until somebody answers again."""
    answers = iter([7])
    query = CachedQuery(lambda: next(answers), "test")
    wait_until(lambda: query.latest().value == 7, "the answer was known")

    wait_until(lambda: query.latest().problem, "the problem was known")

    assert query.latest().value == 7
    assert query.latest().age_s is not None


# --- sorting ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sort", "order"),
    [
        ("", "bca"),
        ("lag", "abc"),
        ("-lag", "bac"),
        ("nonsense", "bca"),
        ("-", "bca"),
        ("name", "abc"),
        ("-name", "cba"),
    ],
)
def test_rows_are_sorted_by_the_column_in_the_url(sort: str, order: str) -> None:
    """Rows without a value come last either way; an unknown column changes nothing."""
    rows = [("b", 7.0), ("c", None), ("a", 2.0)]
    columns: Columns = {"name": itemgetter(0), "lag": itemgetter(1)}

    assert "".join(name for name, _lag in by_column(rows, QueryDict(f"sort={sort}"), columns)) == order
