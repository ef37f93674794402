"""What an operator sees of the accounts: whether each may be called, and the lever for its circuit breaker."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ActionForm
from django.db.models import QuerySet
from django.http import HttpRequest

from billing.admin.bases import ReadOnlyAdmin
from billing.limits import breaker, permits, rate
from billing.models import AccountState


class ReasonForm(ActionForm):
    """The box of actions above the list, with a place for the reason."""

    why = forms.CharField(label="Reason", max_length=200, required=False)


@admin.register(AccountState)
class AccountStateAdmin(ReadOnlyAdmin):
    """Whether each account may be called, and the lever to open and close its breaker by hand."""

    list_display = (
        "account", "breaker", "since", "errors", "last_error", "paused_until", "next_probe_at", "limit", "changed_by",
        "why",
    )  # fmt: skip
    list_filter = ("breaker",)
    readonly_fields = ("limit",)
    action_form = ReasonForm
    actions = ("open_by_hand", "close_by_hand")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """All accounts in use, even if they have not been called yet."""
        permits.ensure_states()
        return super().get_queryset(request)

    @admin.display(description="limit, calls/s")
    def limit(self, state: AccountState) -> str:
        return f"{rate.limit_per_s(state.account):g}" if rate.limit_per_s(state.account) else "none"

    def has_switch_permission(self, request: HttpRequest) -> bool:
        """Who was given "change account"."""
        return request.user.has_perm("billing.change_accountstate")

    @admin.action(description="Open by hand: ask this provider nothing", permissions=["switch"])
    def open_by_hand(self, request: HttpRequest, queryset: QuerySet[AccountState]) -> None:
        """Until somebody closes it again."""
        self._switch(request, queryset, breaker.open_by_hand, "Opened by hand")

    @admin.action(description="Close by hand: ask this provider again", permissions=["switch"])
    def close_by_hand(self, request: HttpRequest, queryset: QuerySet[AccountState]) -> None:
        """Whoever opened it, the program or a person; a pause ends too."""
        self._switch(request, queryset, breaker.close_by_hand, "Closed by hand")

    def _switch(
        self, request: HttpRequest, queryset: QuerySet[AccountState], switch: Callable[[str, str, str], None], done: str
    ) -> None:
        """Not without a reason; it is recorded with the name, on the row, in its history and in the log."""
        why = request.POST.get("why", "").strip()
        if not why:
            self.message_user(request, "Nothing was changed: write a reason beside the action.", messages.ERROR)
            return
        for state in queryset:
            switch(state.account, request.user.get_username(), why)
            self.log_change(request, state, f"{done}: {why}")
        self.message_user(request, f"{done}: {', '.join(state.account for state in queryset)}.", messages.SUCCESS)
