"""The nightly cleanup on a shop that is open."""

import tempfile
from pathlib import Path

import pytest

from tests.bench.measurements.cleanup import clean_up
from tests.stopwatch import assert_quick

MOST_MB = 40
"""Memory that the cleanup may need; it is the same for 50,000 carts and for millions of them."""

LONGEST_S = 0.2
"""No lock may be held longer than that."""


@pytest.mark.alone
def test_nobody_waits_for_the_cleanup() -> None:
    """The short form of the measurement: every batch is short, and so is the longest wait of somebody with a cart."""
    with tempfile.TemporaryDirectory() as var:
        found = clean_up(Path(var), 50_000)

    assert 20_000 < found["deleted"] <= 25_500
    assert found["items"] == 2 * found["kept"]
    assert found["mb_peak"] - found["mb_before"] < MOST_MB
    assert_quick(found["longest_batch_s"], LONGEST_S, "the longest batch")
    assert_quick(found["longest_wait_s"], LONGEST_S, "the longest wait of somebody with a cart")
