"""What an operator sees of reconciliation: the days that were compared, and what the books do not agree on."""

from typing import Any

from django.contrib import admin
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest

from billing.actions import COMPARE_AGAIN
from billing.admin.bases import ReadOnlyAdmin
from billing.admin.filters import needs_a_person
from billing.admin.payments import AboutPayment
from billing.admin.resolutions import OF_DIFFERENCES
from billing.attention import ATTENTIVE
from billing.models import Difference, Reconciliation
from billing.models.reconciliation import STANDING
from config.actions.admin import ActionAdmin


@admin.register(Reconciliation)
class ReconciliationAdmin(ActionAdmin, ReadOnlyAdmin):
    """The days that were compared with the providers' lists."""

    list_display = ("day", "account", "there", "here", "standing", "listed", "compared_at", "reconcile_after", "error")
    list_filter = ("account", "listed")
    date_hierarchy = "day"
    show_full_result_count = False
    list_actions = (COMPARE_AGAIN,)

    @admin.display(description="differences that stand")
    def standing(self, run: Reconciliation) -> int:
        found: int = run.standing  # type: ignore[attr-defined]
        return found

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        standing = Count("differences", filter=Q(differences__state__in=STANDING))
        annotated: QuerySet[Any] = super().get_queryset(request).annotate(standing=standing)
        return annotated


@admin.register(Difference)
class DifferenceAdmin(ActionAdmin, AboutPayment):
    """What the provider and we do not agree on; a person says what became of it."""

    list_display = ("id", "kind", "state", "account", "provider_ref", "reference", "ours", "theirs", "found_at")
    list_filter = (needs_a_person(ATTENTIVE["difference"].needs_a_person), "state", "kind", "account")
    fields = (
        "kind", "state", "account", "reconciliation", "provider_ref", "reference", "about", "ours", "theirs",
        "found_at", "last_found_at", "decided_by", "why", "offers",
    )  # fmt: skip
    readonly_fields = ("about", "found_at", "offers")
    list_actions = page_actions = OF_DIFFERENCES

    def named(self, word: str) -> Q:
        """Also those of payments that we do not know."""
        return super().named(word) | Q(provider_ref=word)
