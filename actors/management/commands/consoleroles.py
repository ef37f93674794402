"""The groups of the console: one for each level of permission."""

from typing import Any

from django.contrib.auth.models import Group, Permission
from django.db.models import Q

from actors.console.access import ROLES
from config.cli.command import Command as Base


class Command(Base):
    help = "Creates the groups “Console: read”, “Console: act” and “Console: configure”, and adds missing permissions."

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
