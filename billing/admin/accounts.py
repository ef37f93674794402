"""What an operator sees of the accounts: whether each may be called, and the lever for its circuit breaker."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from billing.actions import CLOSE_BREAKER, OPEN_BREAKER
from billing.admin.bases import ReadOnlyAdmin
from billing.limits import permits, rate
from billing.models import AccountState
from config.actions.admin import ActionAdmin


@admin.register(AccountState)
class AccountStateAdmin(ActionAdmin, ReadOnlyAdmin):
    """Whether each account may be called, and the lever to open and close its breaker by hand."""

    list_display = (
        "account", "breaker", "since", "errors", "last_error", "paused_until", "next_probe_at", "limit", "changed_by",
        "why",
    )  # fmt: skip
    list_filter = ("breaker",)
    readonly_fields = ("limit",)
    list_actions = (OPEN_BREAKER, CLOSE_BREAKER)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """All accounts in use, even if they have not been called yet."""
        permits.ensure_states()
        return super().get_queryset(request)

    @admin.display(description="limit, calls/s")
    def limit(self, state: AccountState) -> str:
        return f"{rate.limit_per_s(state.account):g}" if rate.limit_per_s(state.account) else "none"
