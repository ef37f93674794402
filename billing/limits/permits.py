"""Permits: may this account's provider be called now? Checks the rate limit, the pause and the circuit breaker.

All processes share their state in one row per account. Calls run in threads without a database connection, so permits
are given before the calls, many at once, and the thread that writes notes the outcomes. While all calls are answered, a
claim costs one read, or one write under a rate limit, and an answer costs nothing.

The sweep uses `grant` and `note`: it claims as many rows as it has permits. Other callers guard each call, outside of
transactions:

    with permits.guard(account):
        provider_of(account).refund(refund)
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings

from billing.errors import NotNow, ProviderError
from billing.limits import breaker, rate
from billing.limits.breaker import known, locked, note, of
from billing.models import AccountState, Breaker
from config.due.queue import database_now


@dataclass(frozen=True)
class Grant:
    """The calls that may be made, each with its start in seconds from now."""

    starts_s: tuple[float, ...] = ()
    is_cut: bool = False
    """Fewer calls were granted than requested, and more will be soon."""
    is_probe: bool = False
    slots_end_at: datetime | None = None
    """The `next_slot_at` that the grant wrote, if it took slots."""


def grant(account: str, calls: int, now: datetime) -> Grant:
    """Permits for as many of the calls as may be made now; return unused ones with `settle`. `now` is the database's.

    No permits while the account is paused or the breaker is open, except one probe every `breaker.PROBE_S` seconds.
    """
    state = of(account)
    if state.breaker == Breaker.CLOSED and not state.is_paused(now) and not rate.limit_per_s(account):
        return Grant((0.0,) * calls)
    if _is_shut(state, now):
        return Grant()
    with locked(account) as fresh:
        return _grant(fresh, calls, database_now())


def settle(account: str, granted: Grant, calls: int) -> None:
    """Correct a grant to the calls made: take further slots, or return unused ones if no later ones are taken."""
    too_few = calls - len(granted.starts_s)
    if granted.slots_end_at is None or not too_few:
        return
    with locked(account) as state:
        if too_few > 0 or state.next_slot_at == granted.slots_end_at:
            _move_slots(state, state.next_slot_at + too_few * rate.distance(rate.limit_per_s(account)))


def permit(account: str, calls: int = 1, *, wait_s: float = 0.0, urgent: bool = True) -> bool:
    """May this many calls be made? Waits up to `wait_s` for their slot; False means not now.

    `urgent` is for waiting customers: they go before every sweep. An urgent call is never a probe.
    """
    limit, state = rate.limit_per_s(account), of(account)
    if state.breaker != Breaker.CLOSED or state.is_paused(database_now()):
        return False
    if not limit:
        return True
    with locked(account) as fresh:
        now = database_now()
        first = max(fresh.next_slot_at, now)
        start = rate.urgent_start(first, now, limit) if urgent else first
        if start - now > timedelta(seconds=wait_s) or fresh.breaker != Breaker.CLOSED or fresh.is_paused(now):
            return False
        _move_slots(fresh, first + calls * rate.distance(limit))
    time.sleep((start - now).total_seconds())
    return True


@contextmanager
def guard(account: str, *, wait_s: float = 5.0, urgent: bool = False) -> Iterator[None]:
    """Guard one call to the account's provider: raises NotNow if it may not be made, and notes its outcome."""
    if not permit(account, wait_s=wait_s, urgent=urgent):
        raise NotNow(f"the account {account} may not be called now")
    try:
        yield
    except ProviderError as error:
        note(account, [error])
        raise
    note(account, [None])


def is_account_to_blame(account: str, error: ProviderError) -> bool:
    """Is the account down or busy? Then the error must not count against the row. Call it after `note`."""
    down = error.is_trouble and known(account).breaker != Breaker.CLOSED
    return isinstance(error, NotNow) or error.retry_after_s is not None or down


def ensure_states() -> None:
    """Create the missing rows of all accounts in use."""
    missing = set(settings.PAYMENT_ACCOUNTS) - set(AccountState.objects.values_list("pk", flat=True))
    AccountState.objects.bulk_create([AccountState(account=name) for name in missing], ignore_conflicts=True)


def _is_shut(state: AccountState, now: datetime) -> bool:
    if state.breaker == Breaker.HELD or state.is_paused(now):
        return True
    return state.breaker == Breaker.OPEN and state.next_probe_at is not None and state.next_probe_at > now


def _grant(state: AccountState, calls: int, now: datetime) -> Grant:
    """Grant slots, or the probe. The row is locked."""
    if _is_shut(state, now) or not calls:
        return Grant()
    if state.breaker == Breaker.OPEN:
        state.next_probe_at = now + timedelta(seconds=breaker.PROBE_S)
        state.save(update_fields=["next_probe_at"])
        return Grant((0.0,), is_probe=True)
    limit = rate.limit_per_s(state.account)
    if not limit:
        return Grant((0.0,) * calls)
    free = rate.free_slots(state.next_slot_at, now, limit, calls)
    if free:
        _move_slots(state, free[-1] + rate.distance(limit))
    starts_s = tuple((slot - now).total_seconds() for slot in free)
    return Grant(starts_s, is_cut=len(free) < calls, slots_end_at=state.next_slot_at if free else None)


def _move_slots(state: AccountState, to: datetime) -> None:
    state.next_slot_at = to
    state.save(update_fields=["next_slot_at"])
