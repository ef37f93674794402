"""Filters of the admin's lists. Each choice has its own condition; none asks the table which values it has."""

from collections.abc import Callable, Mapping
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.db.models import F, Q, QuerySet
from django.http import HttpRequest

Choices = Mapping[str, tuple[str, Q]]
"""By the word in the address: the label, and the condition."""


def filter_by(heading: str, parameter: str, choices: Callable[[], Choices]) -> type[admin.SimpleListFilter]:
    """A filter with these choices; an unknown word in the address filters nothing."""

    class Filter(admin.SimpleListFilter):
        title = heading
        parameter_name = parameter

        def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
            return [(word, label) for word, (label, _condition) in choices().items()]

        def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
            _label, condition = choices().get(self.value() or "", ("", Q()))
            return queryset.filter(condition)

    return Filter


def needs_a_person(trouble: Q) -> type[admin.SimpleListFilter]:
    """The rows that wait for a person; the condition has a partial index."""
    return filter_by("who is to look", "person", lambda: {"yes": ("A person must look", trouble)})


ByAccount = filter_by(
    "account", "account", lambda: {name: (name, Q(account=name)) for name in sorted(settings.PAYMENT_ACCOUNTS)}
)

_SAME_CURRENCY = Q(received_currency=F("currency"))

CAME: Choices = {
    "less": ("less than asked for", _SAME_CURRENCY & Q(received_minor__lt=F("amount_minor"))),
    "more": ("more than asked for", _SAME_CURRENCY & Q(received_minor__gt=F("amount_minor"))),
    "other": ("another currency", Q(received_minor__isnull=False) & ~_SAME_CURRENCY),
}

ByWhatCame = filter_by("received", "came", lambda: CAME)
"""Payments for which the amount that came differs from the amount that was asked for."""
