"""A set of row keys that stays small."""

import random
import sys

from billing.reconciliation.day import KeySet


def test_it_holds_what_was_put_in_and_nothing_else() -> None:
    """The same as Python's set says, at the edges of its blocks and far away from each other."""
    chosen = random.Random(4)
    keys = {1, 7, 8, 4095, 4096, 4097, 2**62} | {chosen.randrange(10_000) for _ in range(3_000)}
    small = KeySet()
    for key in [*keys, *keys]:
        small.add(key)

    assert [key in small for key in range(12_000)] == [key in keys for key in range(12_000)]
    assert 2**62 in small
    assert 2**62 + 1 not in small
    assert 2**40 not in small


def test_a_hundred_thousand_keys_in_a_row_take_little() -> None:
    """A bit each, and a little for every block; asking for what is not there takes nothing."""
    small = KeySet()
    for key in range(5_000_000, 5_100_000):
        small.add(key)
    assert 17 not in small

    assert sum(map(sys.getsizeof, small._blocks.values())) < 20_000
