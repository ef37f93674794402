"""Permissions to see the console, to act in it, and to configure with it.

They belong to `Console`, a model without a table. Actions of other apps also need those apps' permissions: a user who
may act in the console, but not change payments, cannot change them here either.
"""

from collections.abc import Iterable
from typing import Any

from actors.operations.actions import ACT, CONFIGURE

READ = "actors.console_read"

_READS = (
    READ, "billing.view_payment", "billing.view_paymentevent", "billing.view_refund", "billing.view_callback",
    "billing.view_accountstate", "billing.view_reconciliation", "billing.view_difference",
    "commerce.view_order", "commerce.view_notification", "commerce.view_dailyreport",
)  # fmt: skip
_ACTS = (
    *_READS, ACT, "billing.change_payment", "billing.change_paymentevent", "billing.change_refund",
    "billing.change_callback", "billing.change_reconciliation", "commerce.change_notification",
    "commerce.change_dailyreport",
)  # fmt: skip
_CONFIGURES = (*_ACTS, CONFIGURE, "billing.change_accountstate")

ROLES = {"Console: read": _READS, "Console: act": _ACTS, "Console: configure": _CONFIGURES}
"""Groups that `manage.py consoleroles` creates. None of them may refund money: that is `billing.add_refund`."""


def may(user: Any, permissions: Iterable[str]) -> bool:
    """Does the user have all of them? Superusers do."""
    return bool(user.has_perms(tuple(permissions)))
