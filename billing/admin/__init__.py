"""The admin of billing, for operators, and the bases of the shop's own lists and pages."""

from billing.admin import accounts, payments  # noqa: F401 - they register their pages
from billing.admin.bases import (
    LargeTable,
    NothingByHand,
    OurAdmin,
    ReadOnlyAdmin,
    ReadOnlyInline,
    link_to_row,
    link_to_search,
    needs_a_person,
    page_of,
)

__all__ = [
    "LargeTable", "NothingByHand", "OurAdmin", "ReadOnlyAdmin", "ReadOnlyInline", "link_to_row", "link_to_search",
    "needs_a_person", "page_of",
]  # fmt: skip
