"""How long to wait after errors; the examples in the text of `config.due` are run as tests."""

import doctest
from datetime import timedelta

import pytest

from config import due
from config.due import backoff

FIRST, LONGEST = timedelta(seconds=5), timedelta(hours=1)


def test_the_examples_in_the_text_are_true() -> None:
    """There is at least one, and every one holds."""
    failed, tried = doctest.testmod(due)

    assert (failed, tried > 0) == (0, True)


def test_the_first_wait_is_the_shortest() -> None:
    """No errors before this one: the first wait."""
    assert backoff(0, FIRST, LONGEST) == FIRST


@pytest.mark.parametrize("errors", range(9))
def test_each_error_doubles_the_wait(errors: int) -> None:
    """Until the limit is reached."""
    assert backoff(errors + 1, FIRST, LONGEST) == 2 * backoff(errors, FIRST, LONGEST)


@pytest.mark.parametrize("errors", [10, 33, 1_000, 32_767])
def test_the_wait_has_a_limit(errors: int) -> None:
    """However many errors the column can count."""
    assert backoff(errors, FIRST, LONGEST) == LONGEST


def test_a_limit_below_the_first_wait_wins() -> None:
    """The limit is a limit."""
    assert backoff(0, FIRST, timedelta(seconds=1)) == timedelta(seconds=1)
