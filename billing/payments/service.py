"""The public face of billing: what a shop calls."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Now

from billing.errors import Unknown
from billing.limits import permits, rate
from billing.models import AskedBy, Attention, Callback, Payment, PaymentEvent, Refund
from billing.money import Money
from billing.payments.check import CHECK_QUEUE, check, record
from billing.refunds import follow as refunds
from billing.states import OPEN_REFUND_STATES, OPEN_STATES, UNPAID_END_STATES, RefundStatus, Status
from config.due.queue import database_now
from config.messaging.nudges import nudge

PATIENCE_S = 1.0
"""Longest wait of a customer at the checkout for a call to the provider. Then the sweep makes it, and the page says so.
It holds a thread of the web.
"""


@dataclass(frozen=True)
class History:
    """Everything that is known about the payments of one reference, each list the oldest first."""

    payments: list[Payment]
    events: list[PaymentEvent]
    refunds: list[Refund]
    callbacks: list[Callback]


class PaymentUnresolved(Exception):
    """An earlier payment for the same reference may still bring money, or has: a second one might be paid too."""


def start(
    *, reference: str, amount: Money, description: str, return_url: str, window_ends_at: datetime, account: str
) -> Payment:
    """Write a payment down, held by the caller, who calls `introduce` once this transaction is committed.

    If the caller does not come back, the payment comes due after a lease and the sweep introduces it.
    Raises PaymentUnresolved while an earlier payment for the reference is open, or if one has succeeded.
    """
    if money_may_come(reference):
        raise PaymentUnresolved(reference)
    return Payment.objects.create(
        reference=reference,
        amount_minor=amount.minor,
        currency=amount.currency,
        description=description[:128],
        return_url=return_url,
        window_ends_at=window_ends_at,
        account=account,
        next_check_at=database_now() + CHECK_QUEUE.lease,
        claims=1,
    )


def introduce(payment: Payment) -> Payment:
    """Make a payment just started known to its provider, which tells where the customer pays.

    Never raises for the provider's sake: without an answer the payment stays open and is followed like any other. While
    the provider is known to be down, or busy for longer than a moment, nobody waits for it: the sweep does the asking.
    """
    now = database_now()
    payment.due_since, payment.asked_by = now, AskedBy.CHECKOUT
    if permits.permit(payment.account, wait_s=PATIENCE_S):
        record([check(payment, now)])
    else:
        CHECK_QUEUE.release([payment])
    return Payment.objects.get(pk=payment.pk)


def check_reference_now(reference: str, asked_by: AskedBy) -> bool:
    """Ask for a look at the open payment of this reference; False if there is none."""
    return _check_now(Q(reference=reference), asked_by)


def check_now(payment: Payment, asked_by: AskedBy) -> bool:
    """Ask for a look at this payment and at refunds of it; False if all of them have come to their ends."""
    return refunds.check_now(payment, asked_by) | _check_now(Q(pk=payment.pk), asked_by)


def check_again(payment: Payment, asked_by: AskedBy) -> bool:
    """A payment that ended unpaid has no appointment any more, but money may have come late: ask now.

    Returns False if the provider gave no answer, or may not be asked now. One that is open or has succeeded needs no
    such look.
    """
    if payment.status not in UNPAID_END_STATES:
        return True
    if not permits.permit(payment.account, wait_s=rate.LOOK_AHEAD_S):
        return False
    payment.due_since, payment.asked_by = database_now(), asked_by
    found = check(payment, payment.due_since)
    record([found])
    return not isinstance(found.outcome, Unknown)


def cancel(reference: str) -> bool:
    """The customer does not want to pay any more: the next look calls the open payment off at its provider.

    False if there is none. Whether it worked is only known when the payment has ended: as canceled, or, if the customer
    was quicker somewhere else, as succeeded. To be called inside the transaction that gives the reason.
    """
    open_payment = Q(reference=reference, status__in=OPEN_STATES)
    Payment.objects.filter(open_payment, cancel_asked_at=None).update(cancel_asked_at=Now())
    return _check_now(open_payment, AskedBy.CUSTOMER)


def cancel_was_requested(reference: str) -> bool:
    """Has the customer called a payment for this reference off, whatever came of it?"""
    return Payment.objects.filter(reference=reference, cancel_asked_at__isnull=False).exists()


def money_may_come(reference: str) -> bool:
    """Is there a payment for this reference whose outcome is not known, or one that has succeeded?"""
    return Payment.objects.filter(reference=reference, status__in=OPEN_STATES | {Status.SUCCEEDED}).exists()


def open_or_paid_since(reference: OuterRef, moment: datetime) -> QuerySet[Payment]:
    """For a subquery of the shop: payments for the reference that are open or wait for a decision, that succeeded after
    that moment, or of which money is on its way back.
    """
    undecided = ~Q(attention=Attention.NONE)
    refunding = Q(Exists(Refund.objects.filter(payment=OuterRef("pk"), status__in=OPEN_REFUND_STATES)))
    paid = Q(status=Status.SUCCEEDED, ended_at__gte=moment)
    return Payment.objects.filter(Q(status__in=OPEN_STATES) | undecided | refunding | paid, reference=reference)


def history(reference: str) -> History:
    """In four queries, without the bodies of callbacks."""
    return History(
        payments=list(Payment.objects.filter(reference=reference).order_by("pk")),
        events=list(PaymentEvent.objects.filter(payment__reference=reference).order_by("pk")),
        refunds=list(Refund.objects.filter(payment__reference=reference).select_related("payment").order_by("pk")),
        callbacks=list(Callback.objects.filter(payment__reference=reference).defer("body").order_by("pk")),
    )


def outcomes(reference: str) -> list[PaymentEvent]:
    """Payments that came to nothing, and refunds that went through, the oldest first, in one query."""
    told = Q(refund=None, target=Status.FAILED) | Q(refund__isnull=False, target=RefundStatus.SUCCEEDED)
    events = PaymentEvent.objects.filter(told, payment__reference=reference).select_related("refund__payment")
    return list(events.order_by("pk"))


def latest(reference: str) -> Payment | None:
    """The payment last started for this reference."""
    return Payment.objects.filter(reference=reference).order_by("-id").first()


def _check_now(which: Q, asked_by: AskedBy) -> bool:
    payment_id = Payment.objects.filter(which, status__in=OPEN_STATES).values_list("pk", flat=True).first()
    if payment_id is None:
        return False
    CHECK_QUEUE.make_due(Q(pk=payment_id), asked_by)
    nudge("check_payment", payment_id)
    return True
