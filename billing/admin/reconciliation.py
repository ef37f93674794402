"""What an operator sees of reconciliation: the days that were compared, and what the books do not agree on."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from billing.admin.bases import NeedsAPerson, ReadOnlyAdmin
from billing.admin.payments import AboutPayment
from billing.errors import CannotReconcile
from billing.models import Difference, Reconciliation
from billing.models.reconciliation import STANDING
from billing.reconciliation import differences, runs
from config.messaging.nudges import nudge


@admin.register(Reconciliation)
class ReconciliationAdmin(ReadOnlyAdmin):
    """The days that were compared with the providers' lists."""

    list_display = ("day", "account", "there", "here", "standing", "listed", "compared_at", "reconcile_after", "error")
    list_filter = ("account", "listed")
    date_hierarchy = "day"
    show_full_result_count = False
    actions = ("compare_again",)

    @admin.display(description="differences that stand")
    def standing(self, run: Reconciliation) -> int:
        found: int = run.standing  # type: ignore[attr-defined]
        return found

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        standing = Count("differences", filter=Q(differences__state__in=STANDING))
        annotated: QuerySet[Any] = super().get_queryset(request).annotate(standing=standing)
        return annotated

    def has_compare_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("billing.change_reconciliation")

    @admin.action(description="Compare again", permissions=["compare"])
    def compare_again(self, request: HttpRequest, queryset: QuerySet[Reconciliation]) -> None:
        """Make the days due, however long ago they were compared."""
        refused = [problem for run in queryset if (problem := _compare_again(run))]
        nudge("reconcile_payments")
        self.message_user(request, f"Days that are compared now: {len(queryset) - len(refused)}.", messages.SUCCESS)
        for problem in refused:
            self.message_user(request, problem, messages.WARNING)


class DifferenceNeedsAPerson(NeedsAPerson):
    trouble = Q(state=Difference.State.PARKED)


@admin.register(Difference)
class DifferenceAdmin(AboutPayment):
    """What the provider and we do not agree on; a person says what became of it."""

    list_display = ("id", "kind", "state", "account", "provider_ref", "reference", "ours", "theirs", "found_at")
    list_filter = (DifferenceNeedsAPerson, "state", "kind", "account")
    fields = (
        "kind", "state", "account", "reconciliation", "provider_ref", "reference", "about", "ours", "theirs",
        "found_at", "last_found_at", "decided_by", "why",
    )  # fmt: skip
    readonly_fields = ("about", "found_at")
    actions = ("resolve",)

    def named(self, word: str) -> Q:
        """Also those of payments that we do not know."""
        return super().named(word) | Q(provider_ref=word)

    def has_resolve_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("billing.change_difference")

    @admin.action(description="Resolved…", permissions=["resolve"])
    def resolve(self, request: HttpRequest, queryset: QuerySet[Difference]) -> HttpResponse | None:
        """Asks for the reason first; it stays with the difference, with the name of whoever gave it."""
        if not self.few_enough(request, queryset):
            return None
        why = request.POST.get("why", "").strip()
        if not why:
            return self._ask_why(request, queryset)
        rows = list(queryset.order_by("pk"))
        resolved = [row for row in rows if differences.resolve(row.pk, request.user.get_username(), why)]
        for row in resolved:
            self.log_change(request, row, f"Resolved: {why}")
        self.message_user(request, f"Differences resolved: {len(resolved)}.", messages.SUCCESS)
        if others := len(rows) - len(resolved):
            self.message_user(request, f"Differences that do not wait for a person: {others}.", messages.WARNING)
        return None

    def _ask_why(self, request: HttpRequest, queryset: QuerySet[Difference]) -> HttpResponse:
        page = {
            **self.admin_site.each_context(request),
            "title": "Resolved? Say why",
            "opts": self.opts,
            "parked": queryset.filter(state=Difference.State.PARKED),
            "checkbox": ACTION_CHECKBOX_NAME,
            "chosen": request.POST.getlist(ACTION_CHECKBOX_NAME),
        }
        return TemplateResponse(request, "billing/admin/resolve.html", page)


def _compare_again(run: Reconciliation) -> str:
    """Why it cannot be; empty if it can."""
    try:
        runs.compare_again(run.account, run.day)
    except CannotReconcile as error:
        return str(error)
    return ""
