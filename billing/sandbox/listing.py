"""One page of a list of the merchant API."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import TypeVar

from billing.sandbox.messages import Refused
from billing.sandbox.payment import Dispute, Payment, Refund

EARLIEST, LATEST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)

Row = TypeVar("Row", Payment, Refund, Dispute)


@dataclass(frozen=True)
class Page:
    """Rows made from `created_from`, before `created_to`; `after` is the last id already seen."""

    created_from: datetime
    created_to: datetime
    after: str
    limit: int

    def of(self, rows: Mapping[str, Row], fits: Callable[[Row], bool]) -> tuple[list[Row], str | None]:
        """The oldest first, and the id after which the next page starts (None on the last page)."""
        if self.after and self.after not in rows:
            raise Refused(404, "not_found", "There is nothing with the id in after.")
        following = list(rows.values())[list(rows).index(self.after) + 1 if self.after else 0 :]
        fitting = (row for row in following if self.created_from <= row.created_at < self.created_to and fits(row))
        page = list(islice(fitting, self.limit + 1))
        return page[: self.limit], page[self.limit - 1].id if len(page) > self.limit else None
