"""The circuit breaker and the pause of an account, set by the outcomes of calls or by an operator.

ERRORS_TO_OPEN calls in a row without an answer open the breaker, for any payments. While it is open, payments stay due
and untouched, and one of them is checked every PROBE_S seconds. The first answer closes it. A refusal is an answer. An
answer that cannot be read counts neither way.
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta

from django.conf import settings
from django.db import router, transaction

from billing.errors import ProviderError, Refused
from billing.models import AccountState, Breaker
from config.due.queue import database_now

log = logging.getLogger(__name__)

ERRORS_TO_OPEN = 5
"""Calls in a row without an answer that open a breaker. With a smaller PAYMENT_ATTEMPTS_LIMIT that number opens it: an
outage must be known before it uses up the attempts of a single payment.
"""

WINDOW_S = 120.0
"""Errors further apart than this, or than two intervals of the slow track, are not in a row."""

PROBE_S = 10.0
"""Time between two probes while a breaker is open."""

PAUSE_LIMIT_S = 300.0
"""Longest pause that a provider's Retry-After may cause."""

seen: dict[str, AccountState] = {}
"""The last state of each account that this process has read. Used only to skip writes; each write reads afresh."""


def of(account: str) -> AccountState:
    """The account's state, read now. The first call creates the row."""
    seen[account], _ = AccountState.objects.get_or_create(pk=account)
    return seen[account]


def known(account: str) -> AccountState:
    """The last state that this process has read: at most as old as its last claim or note."""
    return seen.get(account) or of(account)


@contextmanager
def locked(account: str) -> Iterator[AccountState]:
    """A transaction with the account's row locked and read afresh."""
    with transaction.atomic(using=router.db_for_write(AccountState)):
        state, _ = AccountState.objects.select_for_update().get_or_create(pk=account)
        yield state
    seen[account] = state


def note(account: str, outcomes: Sequence[object]) -> None:
    """Note the outcomes of calls in their order: a ProviderError, or anything else for an answer. Writes only news."""
    in_a_row, answered, pause_s = _in_a_row(outcomes), any(map(_is_answer, outcomes)), _asked_pause_s(outcomes)
    state = known(account)
    is_news = in_a_row > 0 and state.breaker == Breaker.CLOSED
    if is_news or (answered and not state.is_calm) or pause_s is not None:
        with locked(account) as fresh:
            trouble = next((str(outcome)[:200] for outcome in reversed(outcomes) if _is_trouble(outcome)), "")
            _apply(fresh, in_a_row, answered, pause_s, trouble, database_now())


def open_by_hand(account: str, by: str, why: str) -> bool:
    """Stop all calls to the provider, probes too, until it is closed by hand; False if they are stopped already."""
    if of(account).breaker == Breaker.HELD:
        return False
    _set_by_hand(account, Breaker.HELD, by, why)
    return True


def close_by_hand(account: str, by: str, why: str) -> None:
    """Let calls pass at once, after any errors and during any pause."""
    _set_by_hand(account, Breaker.CLOSED, by, why)


def _is_answer(outcome: object) -> bool:
    """Does it prove that the provider works?"""
    return not isinstance(outcome, ProviderError) or isinstance(outcome, Refused)


def _is_trouble(outcome: object) -> bool:
    return isinstance(outcome, ProviderError) and outcome.is_trouble


def _in_a_row(outcomes: Sequence[object]) -> int:
    """Errors since the last answer. One that asks for a pause does not count: the provider works, and is busy."""
    count = 0
    for outcome in outcomes:
        count = 0 if _is_answer(outcome) else count + (_is_trouble(outcome) and _asked_pause_s([outcome]) is None)
    return count


def _asked_pause_s(outcomes: Sequence[object]) -> float | None:
    """The longest pause that the provider asked for."""
    pauses = [getattr(outcome, "retry_after_s", None) for outcome in outcomes]
    return max((pause for pause in pauses if pause is not None), default=None)


def _apply(
    state: AccountState, in_a_row: int, answered: bool, pause_s: float | None, trouble: str, now: datetime
) -> None:
    if answered:
        state.errors = 0
        if state.breaker == Breaker.OPEN:
            _close(state, now)
    if in_a_row:
        _count(state, in_a_row, now)
    if trouble:
        state.last_error, state.last_error_at = trouble, now
    if pause_s is not None and not state.is_paused(now):
        _pause(state, pause_s, now)
    state.save()


def _count(state: AccountState, in_a_row: int, now: datetime) -> None:
    """Count errors in a row; after WINDOW_S without one, or two slow checks, the count starts anew."""
    window = timedelta(seconds=max(WINDOW_S, 2 * settings.SLOW_TRACK_INTERVAL_S))
    is_old = state.last_error_at is None or now - state.last_error_at > window
    state.errors = in_a_row if is_old else state.errors + in_a_row
    if state.breaker == Breaker.CLOSED and state.errors >= min(ERRORS_TO_OPEN, settings.PAYMENT_ATTEMPTS_LIMIT):
        state.breaker, state.since = Breaker.OPEN, now
        state.next_probe_at = now + timedelta(seconds=PROBE_S)
        log.error("provider.breaker_opened", extra={"account": state.account, "errors": state.errors})


def _close(state: AccountState, now: datetime) -> None:
    open_s = round((now - state.since).total_seconds(), 1)
    log.warning("provider.breaker_closed", extra={"account": state.account, "open_s": open_s})
    state.breaker, state.since, state.next_probe_at = Breaker.CLOSED, now, None


def _pause(state: AccountState, asked_s: float, now: datetime) -> None:
    """Pause once for all calls under way: calls that began before the pause do not extend it."""
    pause_s = min(asked_s, PAUSE_LIMIT_S)
    state.paused_until = now + timedelta(seconds=pause_s)
    log.warning("provider.paused", extra={"account": state.account, "asked_s": asked_s, "pause_s": pause_s})


def _set_by_hand(account: str, breaker: Breaker, by: str, why: str) -> None:
    with locked(account) as state:
        state.breaker, state.since, state.changed_by, state.why = breaker, database_now(), by[:150], why[:200]
        state.errors, state.next_probe_at, state.paused_until = 0, None, None
        state.save()
    event = "provider.breaker_closed" if breaker == Breaker.CLOSED else "provider.breaker_opened"
    log.warning(event, extra={"account": account, "by": by, "why": why})
