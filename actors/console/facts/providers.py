"""Accounts at providers: may each be called, how much of its limit is used, and what its calls brought last."""

from dataclasses import dataclass
from datetime import datetime

from billing.admin.bases import page_of
from billing.limits import permits, rate
from billing.models import AccountState, Breaker
from config.due.queue import database_now


@dataclass(frozen=True)
class Account:
    """One account, now."""

    name: str
    breaker: str
    breaker_said: str
    since: datetime
    errors: int
    last_error: str
    last_error_at: datetime | None
    next_probe_at: datetime | None
    paused_until: datetime | None
    """The provider asked to be left alone so long; None if it does not, or not any more."""

    limit_per_s: float
    """0: no limit."""

    booked_s: float
    """So far ahead calls are booked: more than some seconds mean that the limit is what holds the work up."""

    changed_by: str
    why: str
    address: str

    @property
    def passes(self) -> bool:
        """May calls pass?"""
        return self.breaker == Breaker.CLOSED and self.paused_until is None

    @property
    def is_held(self) -> bool:
        return self.breaker == Breaker.HELD


@dataclass(frozen=True)
class Providers:
    """The accounts there are; those first that may not be called."""

    accounts: list[Account]


def providers() -> Providers:
    """Every account in use, called or not."""
    permits.ensure_states()
    now = database_now()
    return Providers(sorted((_account(state, now) for state in AccountState.objects.all()), key=lambda one: one.passes))


def _account(state: AccountState, now: datetime) -> Account:
    limit = rate.limit_per_s(state.account)
    return Account(
        name=state.account,
        breaker=state.breaker,
        breaker_said=state.get_breaker_display(),
        since=state.since,
        errors=state.errors,
        last_error=state.last_error,
        last_error_at=state.last_error_at,
        next_probe_at=state.next_probe_at,
        paused_until=state.paused_until if state.is_paused(now) else None,
        limit_per_s=limit,
        booked_s=max(0.0, (state.next_slot_at - now).total_seconds()) if limit else 0.0,
        changed_by=state.changed_by,
        why=state.why,
        address=page_of(AccountState, state.pk),
    )
