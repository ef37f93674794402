"""Counting in tables with millions of rows."""

from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.utils.formats import number_format

MOST = 10_000
"""So far rows are counted. Whoever is on call needs to know that there are many, and needs it now."""


@dataclass(frozen=True, order=True)
class Some:
    """So many rows, or at least so many."""

    rows: int
    is_cut: bool = False

    def __add__(self, other: "Some") -> "Some":
        return Some(self.rows + other.rows, self.is_cut or other.is_cut)

    def __bool__(self) -> bool:
        return self.rows > 0

    def __str__(self) -> str:
        return number_format(self.rows, force_grouping=True) + ("+" if self.is_cut else "")


def count_some(rows: "QuerySet[Any]") -> Some:
    """How many, up to MOST."""
    found = rows.order_by()[: MOST + 1].count()
    return Some(min(found, MOST), found > MOST)
