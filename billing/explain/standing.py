"""Where a payment stands now, and why: what to expect next, and what it waits for, or how it ended.

The timeline tells what has happened; these sentences tell what that means now. They are for whoever is on call, in the
reader's language: the console and the command line both show them, and no other place answers this question.
"""

from collections.abc import Iterator
from datetime import datetime

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from billing.models import AccountState, Attention, Breaker, Payment
from billing.states import Status
from config.formats.durations import localized

WHERE = {
    Status.CREATED: gettext_lazy("It is written down here; the provider has not confirmed yet that it knows it."),
    Status.PENDING: gettext_lazy("The provider is ready; the customer has not paid yet."),
    Status.AUTHORIZED: gettext_lazy("The money is held for us, and not taken yet."),
}


def standing(payment: Payment, now: datetime) -> list[str]:
    """Sentences, the most important ones first. `now` is the database's."""
    return list(_of_open(payment, now) if payment.is_open else _of_ended(payment))


def _of_ended(payment: Payment) -> Iterator[str]:
    yield _end(payment)
    if payment.attention:
        yield _attention(payment)
    if payment.reason:
        yield _("The provider's reason: %(reason)s.") % {"reason": payment.reason}
    if payment.decided_by:
        told = {"by": payment.decided_by, "why": payment.decided_why}
        yield _("%(by)s decided on what came: %(why)s.") % told
    if payment.events.filter(settle_after__isnull=False).exists():
        yield _("The shop has yet to see it: look at the payment events among the work.")


def _end(payment: Payment) -> str:
    told = {"status": payment.get_status_display(), "by": payment.get_found_by_display()}
    if payment.found_by:
        return _("It has come to its end: %(status)s, found by %(by)s. Nobody asks about it any more.") % told
    return _("It has come to its end: %(status)s. Nobody asks about it any more.") % told


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
        text = _("The last %(errors)s looks in a row brought no usable answer. After %(limit)s a person is called.")
        yield text % {"errors": payment.errors, "limit": settings.PAYMENT_ATTEMPTS_LIMIT}


def _attention(payment: Payment) -> str:
    return _("A person must look: %(note)s.") % {"note": payment.attention_note or payment.get_attention_display()}


def _of_account(state: AccountState, now: datetime) -> Iterator[str]:
    """Only what keeps us from asking."""
    told = {"account": state.account, "by": state.changed_by, "why": state.why, "error": state.last_error}
    if state.breaker == Breaker.HELD:
        yield _("%(by)s holds the breaker of %(account)s open (%(why)s): nothing is asked until it is closed.") % told
    if state.breaker == Breaker.OPEN:
        text = _("The breaker of %(account)s is open since %(since)s: only a probe passes, now and then (%(error)s).")
        yield text % {**told, "since": localized(now - state.since)}
    if state.paused_until and state.is_paused(now):
        rest = localized(state.paused_until - now)
        yield _("%(account)s asked to be left alone for another %(rest)s.") % {**told, "rest": rest}


def _of_its_money(payment: Payment, now: datetime) -> Iterator[str]:
    """Has the customer paid? Whoever has paid something else is not waited for any more."""
    if payment.received:
        told = {"received": payment.received, "amount": payment.amount}
        yield _("%(received)s came instead of %(amount)s: it stays open until somebody has decided.") % told
    else:
        yield str(WHERE[Status(payment.status)])
        yield _of_its_end(payment, now)


def _of_its_end(payment: Payment, now: datetime) -> str:
    if payment.cancel_asked_at:
        told = {"since": localized(now - payment.cancel_asked_at)}
        return _("The customer called it off %(since)s ago; every look tries to.") % told
    if payment.is_to_be_canceled(now):
        told = {"since": localized(now - payment.window_ends_at)}
        return _("The time to pay is over since %(since)s; every look tries to call it off.") % told
    return _("The customer may pay for another %(rest)s.") % {"rest": localized(payment.window_ends_at - now)}


def _appointment(payment: Payment, now: datetime) -> str:
    if payment.next_check_at is None:  # the database has a constraint against it
        return _("It has no appointment, which must not be.")
    told = {"wait": localized(abs(payment.next_check_at - now)), "interval": localized(settings.ATTENTION_INTERVAL_S)}
    if payment.next_check_at <= now:
        return _("It is due since %(wait)s, and no worker has claimed it yet.") % told
    # Of one that workers were lost over the claims stay counted, while it waits for long.
    if payment.claims and payment.attention != Attention.WORKERS_LOST:
        return _("A worker is looking at it; should that one not come back, it is due again in %(wait)s.") % told
    if payment.attention:
        return _("It is looked at next in %(wait)s (every %(interval)s, because a person must look).") % told
    return _("It is looked at next in %(wait)s.") % told
