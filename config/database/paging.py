"""Pages of a long list, for tables with a million rows."""

from typing import TYPE_CHECKING, Any, cast

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.utils.functional import cached_property

if TYPE_CHECKING:
    AnyPaginator = Paginator[Any]
else:
    # Django's class takes a type in brackets only for the type checker.
    AnyPaginator = Paginator

LONGEST = 10_000
"""So many rows can be leafed through. Nobody does; counting the others would read the whole table for every page."""


class FirstPages(AnyPaginator):
    """The first rows of a list, and whether there are more. What it costs does not grow with the table."""

    @cached_property
    def count(self) -> int:
        """How many rows can be leafed through."""
        return min(self._found, LONGEST)

    @property
    def is_cut_off(self) -> bool:
        """Are there rows that cannot be leafed to?"""
        return self._found > LONGEST

    @cached_property
    def _found(self) -> int:
        """Counted as far as one row behind the last."""
        rows = cast("QuerySet[Any]", self.object_list)
        return rows[: LONGEST + 1].count()
