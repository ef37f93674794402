"""Long lists, page by page: each query below has an index in the list's order."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from heapq import merge
from itertools import islice
from typing import Any, Generic, TypeVar

from django.db.models import Model, Q, QuerySet
from django.utils.formats import number_format

from config.database.counts import COUNTED_AT_MOST, capped, in_one_round_trip

ROWS = 50

M = TypeVar("M", bound=Model)


@dataclass(frozen=True)
class Shown:
    """Which rows a page shows: the 51st to the 100th of 3,018."""

    first: int
    last: int
    count: int
    is_more: bool = False
    """The count stopped at its limit: there may be more."""

    @property
    def number(self) -> str:
        """The count as text; a plus means that there may be more."""
        return number_format(self.count, force_grouping=True) + "+" * self.is_more

    @property
    def page(self) -> int:
        return self.first // ROWS + 1

    @property
    def previous(self) -> int | None:
        return self.page - 1 if self.first > ROWS else None

    @property
    def next(self) -> int | None:
        return self.page + 1 if self.last < self.count else None


@dataclass(frozen=True)
class Listing(Generic[M]):
    """The rows of several queries, merged by `column` and id: an index that begins with the account cannot give the
    order of all accounts.
    """

    parts: Sequence["QuerySet[M]"]
    column: str = "pk"
    descends: bool = True
    searched: Sequence["QuerySet[M]"] = ()
    """Where a condition has no index: only the first COUNTED_AT_MOST rows of each of these were searched for it."""

    most: int = COUNTED_AT_MOST
    """The count stops here, and so do the pages."""

    without: tuple[str, ...] = ()
    """Large columns that the list does not show."""

    leaves_out: bool = False
    """Do the queries begin with less than what was asked for?"""

    @property
    def is_cut_off(self) -> bool:
        """Were there more rows to search?"""
        counts = self._counts(self.searched, COUNTED_AT_MOST + 1)
        return self.leaves_out or any(count > COUNTED_AT_MOST for count in counts)

    def page(self, number: int) -> tuple[list[M], Shown]:
        """The rows of a page. After the last page comes the last one again."""
        count = min(sum(self._counts(self.parts, self.most)), self.most)
        start = ROWS * max(0, min(number - 1, (count - 1) // ROWS))
        rows = self.rows(self.keys(start, min(start + ROWS, count)))
        return rows, Shown(start + 1 if rows else 0, start + len(rows), count, count >= self.most)

    def keys(self, start: int, stop: int) -> list[Any]:
        """The ids of these rows, in the list's order."""
        parts = [part.values_list(self.column, "pk")[:stop] for part in self._ordered(self.parts)]
        return [pk for _value, pk in islice(merge(*parts, reverse=self.descends), start, stop)]

    def rows(self, keys: Sequence[Any]) -> list[M]:
        """The rows with these ids, in this order."""
        found = self.parts[0].model._default_manager.defer(*self.without).in_bulk(keys) if keys else {}
        return [found[key] for key in keys if key in found]

    def narrowed(self, condition: Q) -> "Listing[M]":
        """Those among the first COUNTED_AT_MOST rows of each part that meet a condition without an index.

        The value of the last of these rows bounds the search: PostgreSQL joined a subquery of 10,000 ids by reading the
        whole table.
        """
        parts = [part.filter(condition, self._bound(part)) for part in self.parts]
        return replace(self, parts=parts, searched=self.parts)

    def _bound(self, part: "QuerySet[M]") -> Q:
        [ordered] = self._ordered([part])
        last = ordered.values_list(self.column, flat=True)[COUNTED_AT_MOST - 1 : COUNTED_AT_MOST].first()
        return Q(**{f"{self.column}__{'gte' if self.descends else 'lte'}": last}) if last is not None else Q()

    def _ordered(self, parts: Sequence["QuerySet[M]"]) -> list["QuerySet[M]"]:
        sign = "-" if self.descends else ""
        return [part.order_by(f"{sign}{self.column}", f"{sign}pk") for part in parts]

    def _counts(self, parts: Sequence["QuerySet[M]"], most: int) -> list[int]:
        counts = (capped(part.order_by(), self.column, most) for part in parts)
        return in_one_round_trip(*counts, using=parts[0].db) if parts else []
