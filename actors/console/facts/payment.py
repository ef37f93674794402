"""One payment: why it is where it is, and its story."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext as _

from billing.admin import ways_out
from billing.admin.bases import page_of
from billing.admin.ways_out_of_payments import OF_PAYMENTS
from billing.breaker import of as state_of
from billing.looks import CHECKS
from billing.models import AccountState, AskedBy, Breaker, Payment
from billing.timeline import Entry
from commerce.models import Order
from commerce.timeline import timeline
from config.due import DEATHS_ALLOWED, database_now


@dataclass(frozen=True)
class WayOut:
    """What a person can do about it, on a page of its own that asks why."""

    title: str
    explanation: str
    permission: str
    address: str


@dataclass(frozen=True)
class OnePayment:
    """The page of a payment."""

    pk: int
    reference: str
    amount: str
    account: str
    provider_ref: str
    status: str
    raw_status: str
    reason: str
    is_open: bool
    created_at: datetime
    window_ends_at: datetime
    next_check_at: datetime | None
    ended_at: datetime | None
    errors: int
    claims: int
    needs_a_person: bool
    standing: list[str]
    """Why it is where it is: sentences, the decisive one first."""

    story: list[Entry]
    ways_out: list[WayOut]
    address: str
    order: str
    """Where the order's page is; empty: it is not an order that was paid for."""


def one_payment(pk: int) -> OnePayment | None:
    """None if there is none of that number."""
    payment = Payment.objects.filter(pk=pk).first()
    if payment is None:
        return None
    return _described(payment, Order.objects.filter(public_id=payment.reference).first())


def _described(payment: Payment, order: Order | None) -> OnePayment:
    return OnePayment(
        pk=payment.pk,
        reference=payment.reference,
        amount=str(payment.amount),
        account=payment.account,
        provider_ref=payment.provider_ref,
        status=payment.get_status_display(),
        raw_status=payment.raw_status,
        reason=payment.reason,
        is_open=payment.is_open,
        created_at=payment.created_at,
        window_ends_at=payment.window_ends_at,
        next_check_at=payment.next_check_at,
        ended_at=payment.ended_at,
        errors=payment.errors,
        claims=payment.claims,
        needs_a_person=bool(payment.attention),
        standing=list(standing(payment, state_of(payment.account), database_now(CHECKS.database))),
        story=timeline(order) if order else [],
        ways_out=[_way_out(payment, way) for way in OF_PAYMENTS if way.offered(payment)],
        address=page_of(Payment, payment.pk),
        order=page_of(Order, order.pk) if order else "",
    )


def standing(payment: Payment, account: AccountState, now: datetime) -> Iterator[str]:
    """Why the payment is where it is, at this moment."""
    if payment.attention:
        note = payment.attention_note or payment.get_attention_display()
        yield _("A person must look: %(note)s.") % {"note": note}
    if payment.is_open:
        yield from _why_open(payment, now)
        yield from _why_not_asked(account, now)
        if account.breaker != Breaker.HELD:
            yield from _when_next(payment, now)
    else:
        yield from _why_ended(payment)


def _why_open(payment: Payment, now: datetime) -> Iterator[str]:
    if payment.received:
        told = {"received": payment.received, "amount": payment.amount}
        yield _("%(received)s came instead of %(amount)s: it stays open until somebody has decided.") % told
    elif not payment.provider_ref:
        yield _("The provider has not confirmed yet that it knows the payment; it is told again, with the same key.")
    else:
        said = {"status": payment.raw_status or payment.status}
        yield _("It is open because the provider says “%(status)s”.") % said
    if payment.call_off_asked_at:
        yield _("The customer called it off; every look tries to.")
    elif payment.window_ends_at <= now:
        yield _("The time to pay is over; every look tries to call it off at the provider.")
    if payment.errors:
        counts = {"errors": payment.errors, "limit": settings.PAYMENT_ATTEMPTS_LIMIT}
        yield _("The last %(errors)s looks brought no usable answer; %(limit)s in a row call for a person.") % counts


def _why_not_asked(account: AccountState, now: datetime) -> Iterator[str]:
    told = {"account": account.account, "by": account.changed_by, "why": account.why, "error": account.last_error}
    if account.breaker == Breaker.HELD:
        yield _("Nothing is asked of %(account)s: %(by)s opened its breaker by hand (%(why)s).") % told
    elif account.breaker == Breaker.OPEN:
        yield _("The breaker of %(account)s is open, so only a probe passes now and then (%(error)s).") % told
    if account.is_paused(now):
        yield _("%(account)s asked to be left alone for a while.") % told


def _when_next(payment: Payment, now: datetime) -> Iterator[str]:
    if payment.next_check_at is None:
        return
    wait_s = round(abs((payment.next_check_at - now).total_seconds()))
    if payment.claims > DEATHS_ALLOWED:
        yield _("%(claims)s workers did not come back from looking at it.") % {"claims": payment.claims - 1}
    if payment.next_check_at <= now:
        yield _("It has been due for %(wait)s s: the next free worker asks.") % {"wait": wait_s}
    elif payment.claims:
        yield _("A worker asks about it now; if it does not come back, it is due in %(wait)s s.") % {"wait": wait_s}
    else:
        yield _("It is asked about again in %(wait)s s.") % {"wait": wait_s}


def _why_ended(payment: Payment) -> Iterator[str]:
    found_by = AskedBy(payment.found_by).label if payment.found_by else "–"
    told = {"status": payment.get_status_display(), "by": found_by, "reason": payment.reason}
    yield _("It has ended: %(status)s. Found by: %(by)s.") % told
    if payment.reason:
        yield _("The provider's reason: %(reason)s.") % told
    if payment.decided_by:
        said = {"by": payment.decided_by, "why": payment.decided_why}
        yield _("%(by)s decided on what came: %(why)s.") % said
    waiting = payment.events.filter(settle_after__isnull=False).exists()
    if waiting:
        yield _("The shop has yet to see it: look at the payment events among the work.")


def _way_out(payment: Payment, way: ways_out.WayOut) -> WayOut:
    address = reverse("admin:billing_payment_way_out", args=[payment.pk, way.name])
    return WayOut(way.title, way.explanation, way.permission, address)
