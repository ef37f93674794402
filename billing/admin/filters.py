"""Filters of the admin's lists."""

from typing import Any

from django.contrib import admin
from django.db.models import F, Q, QuerySet
from django.http import HttpRequest

CAME: dict[str, Q] = {
    "less": Q(received_currency=F("currency"), received_minor__lt=F("amount_minor")),
    "more": Q(received_currency=F("currency"), received_minor__gt=F("amount_minor")),
    "other": Q(received_minor__isnull=False) & ~Q(received_currency=F("currency")),
}


class CameFilter(admin.SimpleListFilter):
    """Payments for which something else came than what was asked for."""

    title = "what came"
    parameter_name = "came"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("less", "less than asked for"), ("more", "more than asked for"), ("other", "another currency")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Everything, unless one of them was chosen."""
        chosen = CAME.get(self.value() or "")
        return queryset.filter(chosen) if chosen else queryset
