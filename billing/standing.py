"""Where a payment stands now, and why: what to expect next, and what it waits for.

The timeline tells what has happened; these sentences tell what has not. They are for whoever is on call.
"""

from collections.abc import Iterator
from datetime import datetime

from django.conf import settings

from billing.models import AccountState, Breaker, Payment
from billing.states import Status
from config.durations import spoken

WHERE = {
    Status.CREATED: "It is written down here; the provider has not confirmed yet that it knows it.",
    Status.PENDING: "The provider is ready; the customer has not paid yet.",
    Status.AUTHORIZED: "The money is held for us, and not taken yet.",
}


def standing(payment: Payment, now: datetime) -> list[str]:
    """Sentences, the most important ones first. `now` is the database's."""
    return list(_of_open(payment, now) if payment.is_open else _of_ended(payment))


def _of_ended(payment: Payment) -> Iterator[str]:
    by = f", found by {payment.get_found_by_display()}" if payment.found_by else ""
    yield f"It has come to its end: {payment.get_status_display()}{by}. Nobody asks about it any more."
    if payment.attention:
        yield _attention(payment)


def _of_open(payment: Payment, now: datetime) -> Iterator[str]:
    state = AccountState.objects.filter(pk=payment.account).first()
    if payment.attention:
        yield _attention(payment)
    if state is not None:
        yield from _of_account(state, now)
    yield from _of_its_money(payment, now)
    if state is None or state.breaker != Breaker.HELD:
        yield _appointment(payment, now)
    if payment.errors:
        yield f"The last {payment.errors} looks in a row brought no usable answer."


def _attention(payment: Payment) -> str:
    why = payment.attention_note or payment.get_attention_display()
    return f"A person must look: {why}."


def _of_account(state: AccountState, now: datetime) -> Iterator[str]:
    """Only what keeps us from asking."""
    account = state.account
    if state.breaker == Breaker.HELD:
        by = f"{state.changed_by} holds the breaker of {account} open ({state.why})"
        yield f"{by}: nothing is asked until it is closed."
    if state.breaker == Breaker.OPEN:
        since = spoken(now - state.since)
        yield f"The breaker of {account} is open since {since}: only a probe passes, now and then ({state.last_error})."
    if state.paused_until and state.is_paused(now):
        yield f"{account} asked to be left alone for another {spoken(state.paused_until - now)}."


def _of_its_money(payment: Payment, now: datetime) -> Iterator[str]:
    """Has the customer paid? Whoever has paid something else is not waited for any more."""
    if payment.received:
        yield f"{payment.received} came instead of {payment.amount}: it stays open until somebody has decided."
    else:
        yield WHERE[Status(payment.status)]
        yield from _of_its_end(payment, now)


def _of_its_end(payment: Payment, now: datetime) -> Iterator[str]:
    if payment.call_off_asked_at:
        yield f"The customer called it off {spoken(now - payment.call_off_asked_at)} ago; every look tries to."
    elif payment.is_to_be_called_off(now):
        yield f"The time to pay is over since {spoken(now - payment.window_ends_at)}; every look tries to call it off."
    else:
        yield f"The customer may pay for another {spoken(payment.window_ends_at - now)}."


def _appointment(payment: Payment, now: datetime) -> str:
    if payment.next_check_at is None:  # the database has a constraint against it
        return "It has no appointment, which must not be."
    if payment.next_check_at <= now:
        late = spoken(now - payment.next_check_at)
        return f"It is due since {late}, and no worker has claimed it yet."
    wait = spoken(payment.next_check_at - now)
    if payment.claims:
        return f"A worker is looking at it; should that one not come back, it is due again in {wait}."
    slow = f" (every {spoken(settings.ATTENTION_INTERVAL_S)}, because a person must look)" if payment.attention else ""
    return f"It is looked at next in {wait}{slow}."
