"""The admin of billing, for operators."""

from billing.admin.accounts import AccountStateAdmin, DifferenceAdmin, ReconciliationAdmin
from billing.admin.bases import (
    AnyAdmin,
    AnyInline,
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
from billing.admin.payments import CallbackAdmin, PaymentAdmin, PaymentEventAdmin, RefundAdmin

__all__ = [
    "AccountStateAdmin",
    "AnyAdmin",
    "AnyInline",
    "CallbackAdmin",
    "DifferenceAdmin",
    "LargeTable",
    "NothingByHand",
    "OurAdmin",
    "PaymentAdmin",
    "PaymentEventAdmin",
    "ReadOnlyAdmin",
    "ReadOnlyInline",
    "ReconciliationAdmin",
    "RefundAdmin",
    "link_to_row",
    "link_to_search",
    "needs_a_person",
    "page_of",
]
