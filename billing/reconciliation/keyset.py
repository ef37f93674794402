"""A small set of row keys: the keys of one day are close together, so each takes one bit."""

from collections import defaultdict

BITS = 4096


class KeySet:
    """125 kB for a million consecutive keys; a Python set takes 60 MB.

    >>> keys = KeySet()
    >>> keys.add(7)
    >>> (7 in keys, 8 in keys, 7 + BITS in keys)
    (True, False, False)
    """

    def __init__(self) -> None:
        self._blocks: defaultdict[int, bytearray] = defaultdict(lambda: bytearray(BITS // 8))

    def add(self, key: int) -> None:
        """Add a key; adding it twice has no effect."""
        block, bit = divmod(key, BITS)
        self._blocks[block][bit // 8] |= 1 << bit % 8

    def __contains__(self, key: int) -> bool:
        block, bit = divmod(key, BITS)
        return block in self._blocks and bool(self._blocks[block][bit // 8] >> bit % 8 & 1)
