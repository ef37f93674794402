"""The groups of staff: one for each level of the console, and one for decisions about money.

The console's own permissions belong to `Console`, a model without a table. Actions of other apps also need those apps'
permissions: a user who may act in the console, but not change payments, cannot change them here either.
"""

from typing import Any

from django.contrib.auth.models import Group, Permission
from django.db.models import Q

from actors.operations.actions import ACT, CONFIGURE, READ
from config.cli.command import Command as Base

_READS = (
    READ, "billing.view_payment", "billing.view_paymentevent", "billing.view_refund", "billing.view_dispute",
    "billing.view_callback", "billing.view_accountstate", "billing.view_reconciliation", "billing.view_difference",
    "billing.view_proposal",
    "commerce.view_order", "commerce.view_notification", "commerce.view_dailyreport",
)  # fmt: skip
_ACTS = (
    *_READS, ACT, "billing.check_payment", "billing.check_refund", "billing.change_paymentevent",
    "billing.change_callback", "billing.change_reconciliation", "commerce.change_notification",
    "commerce.change_dailyreport",
)  # fmt: skip
_CONFIGURES = (*_ACTS, CONFIGURE, "billing.change_accountstate")

_DECIDES = (
    *_READS, "billing.check_payment", "billing.check_refund", "billing.decide_payment", "billing.add_refund",
    "billing.decide_refund", "billing.decide_dispute", "billing.resolve_difference", "commerce.change_order",
)  # fmt: skip
"""Late money is decided on its order, so this role may change orders."""

ROLES = {
    "Console: read": _READS,
    "Console: act": _ACTS,
    "Console: configure": _CONFIGURES,
    "Money: decide": _DECIDES,
}
"""By group. Only “Money: decide” moves money; it does not act in the console."""


class Command(Base):
    changes = True
    help = f"Creates the groups {', '.join(f'“{name}”' for name in ROLES)}, and adds missing permissions."

    def handle(self, *args: Any, **options: Any) -> None:
        for name, permissions in ROLES.items():
            group, _new = Group.objects.get_or_create(name=name)
            group.permissions.add(*_permissions(permissions))
            self.stdout.write(f"{name}: {group.permissions.count()} permissions")


def _permissions(names: tuple[str, ...]) -> list[Permission]:
    wanted = Q()
    for app, _dot, codename in (name.partition(".") for name in names):
        wanted |= Q(content_type__app_label=app, codename=codename)
    return list(Permission.objects.filter(wanted))
