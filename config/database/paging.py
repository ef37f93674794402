"""Pages of a long list, for tables with a million rows."""

from typing import TYPE_CHECKING, Any, cast

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.utils.functional import cached_property

from config.database import counts

if TYPE_CHECKING:
    AnyPaginator = Paginator[Any]
else:
    # Only the type checker allows brackets after Django's class.
    AnyPaginator = Paginator


class FirstPages(AnyPaginator):
    """The first COUNTED_AT_MOST rows of a list. The cost of a page does not grow with the table."""

    @cached_property
    def count(self) -> int:
        """Rows on all pages."""
        return min(self._found, counts.COUNTED_AT_MOST)

    @property
    def is_cut_off(self) -> bool:
        """Are there rows that are on no page?"""
        return self._found > counts.COUNTED_AT_MOST

    @cached_property
    def _found(self) -> int:
        """Counts one row further than the last page."""
        return cast("QuerySet[Any]", self.object_list).order_by()[: counts.COUNTED_AT_MOST + 1].count()
