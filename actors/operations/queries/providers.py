"""Accounts at providers: may they be called, how much of their limit is used, and the result of the last calls."""

from dataclasses import dataclass
from datetime import datetime

from billing.limits import permits, rate
from billing.models import AccountState, Breaker
from config.due.queue import database_now


@dataclass(frozen=True)
class Account:
    state: AccountState
    limit_per_s: float
    """0: no limit."""

    booked_s: float
    """Seconds for which calls are booked ahead. More than a few mean that the limit slows the work down."""

    is_paused: bool
    """The provider asked us to stop calls for a while."""

    @property
    def passes(self) -> bool:
        return self.state.breaker == Breaker.CLOSED and not self.is_paused

    @property
    def is_held(self) -> bool:
        """Did an operator open the breaker?"""
        return self.state.breaker == Breaker.HELD


def accounts() -> list[Account]:
    """Every account in use, called or not, by name; those that may not be called come first."""
    permits.ensure_states()
    now = database_now()
    found = [_account(state, now) for state in AccountState.objects.order_by("account")]
    return sorted(found, key=lambda account: account.passes)


def _account(state: AccountState, now: datetime) -> Account:
    limit = rate.limit_per_s(state.account)
    booked_s = max(0.0, (state.next_slot_at - now).total_seconds()) if limit else 0.0
    return Account(state, limit, booked_s, state.is_paused(now))
