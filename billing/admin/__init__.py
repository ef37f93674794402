"""Django's admin, for operators."""

from billing.admin.accounts import AccountStateAdmin
from billing.admin.bases import (
    AnyAdmin,
    AnyInline,
    LargeTable,
    NeedsAPerson,
    NothingByHand,
    ReadOnlyAdmin,
    ReadOnlyInline,
    link_to_row,
    link_to_search,
    page_of,
)
from billing.admin.payments import CallbackAdmin, PaymentAdmin, PaymentEventAdmin, RefundAdmin
from billing.admin.reconciliation import DifferenceAdmin, ReconciliationAdmin

__all__ = [
    "AccountStateAdmin",
    "AnyAdmin",
    "AnyInline",
    "CallbackAdmin",
    "DifferenceAdmin",
    "LargeTable",
    "NeedsAPerson",
    "NothingByHand",
    "PaymentAdmin",
    "PaymentEventAdmin",
    "ReadOnlyAdmin",
    "ReadOnlyInline",
    "ReconciliationAdmin",
    "RefundAdmin",
    "link_to_row",
    "link_to_search",
    "page_of",
]
