"""What an operator sees of accounts: whether each may be called, the days that were compared, and the differences."""

from datetime import date
from typing import Any

from django.contrib import admin
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext, pgettext_lazy

from billing.actions import CLOSE_BREAKER, COMPARE_AGAIN, OF_DIFFERENCES, OPEN_BREAKER
from billing.admin.bases import ByAccount, Choices, ReadOnlyAdmin, filter_by, needs_a_person
from billing.admin.payments import AboutPayment
from billing.attention import ATTENTIVE
from billing.limits import permits, rate
from billing.models import AccountState, Difference, Reconciliation
from billing.models.reconciliation import STANDING, in_words
from config.actions.admin import ActionAdmin
from config.actions.pages import MOST_AT_ONCE
from config.database.counts import COUNTED_AT_MOST


@admin.register(AccountState)
class AccountStateAdmin(ActionAdmin, ReadOnlyAdmin):
    """Whether each account may be called, and the lever to open and close its breaker by hand."""

    list_display = (
        "account", "breaker", "since", "errors", "last_error", "creations_refused", "last_refusal", "paused_until",
        "next_probe_at", "limit", "changed_by", "why",
    )  # fmt: skip
    list_filter = ("breaker",)
    readonly_fields = ("limit",)
    list_actions = (OPEN_BREAKER, CLOSE_BREAKER)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """All accounts in use, even if they have not been called yet."""
        permits.ensure_states()
        return super().get_queryset(request)

    @admin.display(description=_("limit, calls/s"))
    def limit(self, state: AccountState) -> str:
        return f"{rate.limit_per_s(state.account):g}" if rate.limit_per_s(state.account) else pgettext("limit", "none")


@admin.register(Reconciliation)
class ReconciliationAdmin(ActionAdmin, ReadOnlyAdmin):
    list_display = (
        "day", "account", "there", "here", "standing", "unreadable", "listed", "compared_at", "reconcile_after",
        "error",
    )  # fmt: skip
    list_filter = ("account", "listed")
    date_hierarchy = "day"
    show_full_result_count = False
    list_actions = (COMPARE_AGAIN,)

    @admin.display(description=_("differences that stand"))
    def standing(self, run: Reconciliation) -> int:
        return int(run.standing)  # type: ignore[attr-defined]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        standing = Count("differences", filter=Q(differences__state__in=STANDING))
        annotated: QuerySet[Any] = super().get_queryset(request).annotate(standing=standing)
        return annotated


DAYS_SHOWN = 31
"""The latest days with differences that stand; more would hide the other filters."""


def _days() -> Choices:
    standing = Difference.objects.filter(state__in=STANDING).order_by().values("reconciliation")[:COUNTED_AT_MOST]
    days = Reconciliation.objects.filter(pk__in=standing).order_by("-day").values_list("day", flat=True).distinct()
    return {f"{day}": (f"{day}", Q(reconciliation__day=day)) for day in days[:DAYS_SHOWN]}


ByDay = filter_by(pgettext_lazy("name", "day"), "day", _days)


@admin.register(Difference)
class DifferenceAdmin(ActionAdmin, AboutPayment):
    """Differences with a provider's books. One page is as many as one resolution takes."""

    list_display = ("id", "kind", "our_side", "their_side", "state", "day", "about", "provider_ref", "account")
    list_filter = (needs_a_person(ATTENTIVE["difference"].needs_a_person), "state", "kind", ByAccount, ByDay)
    list_select_related = ("reconciliation", "payment")
    list_per_page = MOST_AT_ONCE
    fields = (
        "kind", "state", "account", "reconciliation", "provider_ref", "reference", "about", "our_side", "their_side",
        "found_at", "last_found_at", "decided_by", "why",
    )  # fmt: skip
    readonly_fields = ("about", "our_side", "their_side", "found_at")
    list_actions = page_actions = OF_DIFFERENCES

    @admin.display(description=pgettext_lazy("name", "day"))
    def day(self, difference: Difference) -> date:
        return difference.reconciliation.day

    @admin.display(description=pgettext_lazy("name", "what we have"))
    def our_side(self, found: Difference) -> str:
        return in_words(found.ours) or str(self.get_empty_value_display())

    @admin.display(description=pgettext_lazy("name", "what they have"))
    def their_side(self, found: Difference) -> str:
        return in_words(found.theirs) or str(self.get_empty_value_display())

    def named(self, word: str) -> Q:
        """Also those of payments that we do not know."""
        return super().named(word) | Q(provider_ref=word)
