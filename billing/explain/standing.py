"""The state of a payment in sentences, for the person on call: what it waits for, its next check, or how it ended."""

from collections.abc import Iterator
from datetime import datetime

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from billing.models import AccountState, Attention, Breaker, Payment
from billing.states import Status
from config.due.queue import database_now
from config.formats import localized
from config.formats.sentences import shown

WHERE = {
    Status.CREATED: gettext_lazy("It is recorded here; the provider has not confirmed it yet."),
    Status.PENDING: gettext_lazy("The provider is ready; the customer has not paid yet."),
    Status.AUTHORIZED: gettext_lazy("The money is held for us, and not taken yet."),
}


def standing(payment: Payment, now: datetime) -> list[str]:
    """Sentences, the most important first. `now` is the database's."""
    return list(_of_open(payment, now) if payment.is_open else _of_ended(payment, now))


def _of_ended(payment: Payment, now: datetime) -> Iterator[str]:
    yield _end(payment)
    if payment.next_check_at:
        yield _next_check(payment, now)
    if payment.attention:
        yield _attention(payment)
    if payment.reason:
        yield _("The provider's reason: %(reason)s.") % {"reason": shown(payment.reason)}
    for dispute in payment.disputes.filter(ended_at=None):
        values = {"amount": dispute.amount.localized(), "reason": dispute.reason, "due": _by(dispute.evidence_due_at)}
        yield _("The customer disputes %(amount)s (%(reason)s)%(due)s.") % values
    if payment.decided_by:
        values = {"by": payment.decided_by, "why": payment.decided_why}
        yield _("%(by)s decided on the received money: %(why)s.") % values
    if payment.events.filter(settle_after__isnull=False).exists():
        yield _("The shop has not processed it yet: see the payment events among the work.")


def _by(due_at: datetime | None) -> str:
    return _("; the shop must have answered by %(due)s UTC") % {"due": f"{due_at:%Y-%m-%d %H:%M}"} if due_at else ""


def _end(payment: Payment) -> str:
    values = {"status": payment.get_status_display(), "by": payment.get_found_by_display()}
    if payment.found_by:
        return (
            _("It has ended: %(status)s, found by %(by)s. It is only asked about for a reason, like a callback.")
            % values
        )
    return _("It has ended: %(status)s. It is only asked about for a reason, like a callback.") % values


def _of_open(payment: Payment, now: datetime) -> Iterator[str]:
    state = AccountState.objects.filter(pk=payment.account).first()
    if payment.attention:
        yield _attention(payment)
    if state is not None:
        yield from _of_account(state, now)
    yield from _of_its_money(payment, now)
    if state is None or state.breaker != Breaker.HELD:
        yield _next_check(payment, now)
    if payment.errors:
        text = _("The last %(errors)s checks got no usable answer. After %(limit)s an operator is called.")
        yield text % {"errors": payment.errors, "limit": settings.PAYMENT_ATTEMPTS_LIMIT}


def _attention(payment: Payment) -> str:
    return _("An operator must act: %(note)s.") % {
        "note": shown(payment.attention_note) or payment.get_attention_display()
    }


def _of_account(state: AccountState, now: datetime) -> Iterator[str]:
    """Only the reasons why the provider is not asked."""
    values = {"account": state.account, "by": state.changed_by, "why": state.why, "error": state.last_error}
    if state.breaker == Breaker.HELD:
        yield _("%(by)s holds the breaker of %(account)s open (%(why)s): no calls until it is closed.") % values
    if state.breaker == Breaker.OPEN:
        text = _("The breaker of %(account)s has been open for %(since)s: only probes pass (%(error)s).")
        yield text % {**values, "since": localized(now - state.since)}
    if state.paused_until and state.is_paused(now):
        rest = localized(state.paused_until - now)
        yield _("%(account)s asked us to wait for another %(rest)s.") % {**values, "rest": rest}


def _of_its_money(payment: Payment, now: datetime) -> Iterator[str]:
    """Has the customer paid? If another sum came, the payment window does not matter any more."""
    if payment.received:
        values = {"received": payment.received.localized(), "amount": payment.amount.localized()}
        yield _("%(received)s came instead of %(amount)s: it stays open until an operator has decided.") % values
    else:
        yield _where(payment)
        if payment.working_since is None:
            yield _of_its_end(payment, now)


def _where(payment: Payment) -> str:
    """What the customer has done, and what they wait for."""
    if payment.working_since:
        values = {"since": localized(database_now() - payment.working_since)}
        return _("The customer has paid; the bank has been working on it for %(since)s.") % values
    if payment.returned_at:
        return _("The customer came back from the provider, which has not answered since.")
    if payment.advice:
        return _("The customer's last attempt was declined (%(reason)s); they may try again.") % {
            "reason": payment.reason
        }
    return str(WHERE[Status(payment.status)])


def _of_its_end(payment: Payment, now: datetime) -> str:
    if payment.cancel_asked_at:
        values = {"since": localized(now - payment.cancel_asked_at)}
        return _("The customer canceled it %(since)s ago; every check tries to cancel it at the provider.") % values
    if payment.is_to_be_canceled(now):
        values = {"since": localized(now - payment.window_ends_at)}
        return _("The payment window ended %(since)s ago; every check tries to cancel it at the provider.") % values
    return _("The customer may pay for another %(rest)s.") % {"rest": localized(payment.window_ends_at - now)}


def _next_check(payment: Payment, now: datetime) -> str:
    if payment.next_check_at is None:  # the database has a constraint against it
        return _("It has no next check, which is a bug.")
    values = {"wait": localized(abs(payment.next_check_at - now)), "interval": localized(settings.ATTENTION_INTERVAL_S)}
    if payment.next_check_at <= now:
        return _("It has been due for %(wait)s, and no worker has claimed it yet.") % values
    # A row parked because its workers died keeps its count of claims, though no worker has it.
    if payment.claims and payment.attention != Attention.WORKERS_LOST:
        return _("A worker is checking it; if the worker is lost, it is due again in %(wait)s.") % values
    if payment.attention:
        return _("The next check is in %(wait)s (every %(interval)s, because an operator must act).") % values
    return _("The next check is in %(wait)s.") % values
