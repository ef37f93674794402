"""The public face of billing: what a shop calls."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Now

from billing import polling
from billing.limits import breaker, permits
from billing.models import AskedBy, Attention, Breaker, Callback, Dispute, Payment, PaymentEvent, Refund
from billing.money import Money
from billing.payments.check import CHECK_QUEUE, check, record
from billing.providers import provider_of
from billing.providers.pay_pages import is_pay_page
from billing.refunds import service as refunds
from billing.states import OPEN_REFUND_STATES, OPEN_STATES, UNDECIDED_DISPUTES, RefundStatus, Status
from config.due.queue import database_now

PATIENCE_S = 1.0
"""Longest wait of a customer at the checkout for a call to the provider. Then the sweep makes it, and the page says so.
It holds a thread of the web.
"""

KNOWN_THERE = Q(status__in=OPEN_STATES) | ~Q(provider_ref="")
"""The payments that the provider may be asked about: of all others, a question would create them."""


@dataclass(frozen=True)
class History:
    """Everything known about the payments of one reference, each list oldest first."""

    payments: list[Payment]
    events: list[PaymentEvent]
    refunds: list[Refund]
    disputes: list[Dispute]
    callbacks: list[Callback]


class PaymentUnresolved(Exception):
    """An earlier payment for the same reference is open or has succeeded: a second one might be paid too."""


def start(
    *, reference: str, amount: Money, description: str, return_url: str, window_ends_at: datetime, account: str
) -> Payment:
    """Write a payment, claimed by the caller, who calls `introduce` once this transaction is committed.

    If the caller dies, the payment comes due after a lease, and the sweep introduces it.
    Raises PaymentUnresolved while an earlier payment for the reference is open, or if one has succeeded, and
    AmountNotAccepted for an amount that the provider does not take.
    """
    provider_of(account).check_amount(amount)
    if money_may_come(reference):
        raise PaymentUnresolved
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
    """Create a new payment at its provider, whose answer says where the customer pays.

    Provider errors are not raised: without an answer the payment stays open and is followed like any other. If the
    provider is known to be down, or is busy for longer than a moment, the customer does not wait: the sweep asks it.
    """
    now = database_now()
    payment.due_since, payment.asked_by = now, AskedBy.CHECKOUT
    if permits.permit(payment.account, wait_s=PATIENCE_S):
        record([check(payment, now)])
    else:
        CHECK_QUEUE.release([payment])
    return Payment.objects.get(pk=payment.pk)


def check_reference_now(reference: str, asked_by: AskedBy) -> bool:
    """Request a check of the open payment of this reference; False if there is none.

    The return of the customer is noted: until the provider has answered since, nobody knows whether they have paid.
    """
    if asked_by == AskedBy.RETURN:
        Payment.objects.filter(reference=reference, status__in=OPEN_STATES).update(returned_at=Now())
    return _check_now(Q(reference=reference, status__in=OPEN_STATES), asked_by)


def pay_page(payment: Payment) -> str:
    """Where the customer can pay; empty if it is not known, or is no page of the provider's (in a row of old)."""
    if payment.account not in settings.PAYMENT_ACCOUNTS:
        return ""
    hosts = provider_of(payment.account).pay_hosts
    return payment.pay_url if is_pay_page(payment.pay_url, hosts) else ""


def is_away(account: str) -> bool:
    """Is the provider known not to answer now?"""
    return breaker.of(account).breaker != Breaker.CLOSED


def check_now(payment: Payment, asked_by: AskedBy, refs: Collection[str] = ()) -> bool:
    """Request a check of this payment and of its open refunds.

    One that has ended is due once more, for money may come late, go back, or be disputed; so are the succeeded refunds
    that `refs` name. False if the provider never had the payment: a question would create it.
    """
    refunds.check_now(payment, asked_by, refs)
    return _check_now(Q(pk=payment.pk), asked_by)


def check_many_now(keys: Collection[int], asked_by: AskedBy) -> int:
    """As `check_now`, in one statement for all of them; the sweep takes them. Returns how many."""
    refunds.check_many_now(keys, asked_by)
    known = Q(pk__in=keys) & KNOWN_THERE
    return CHECK_QUEUE.make_due(known, asked_by) + CHECK_QUEUE.make_due_again(known, asked_by)


def cancel(reference: str) -> bool:
    """The customer cancels: the next check cancels the open payment at its provider. False if there is none, or if the
    customer has paid and the bank is working on it.

    The outcome is known when the payment has ended: canceled, or succeeded if the customer paid first. Call this inside
    the transaction that holds the reason.
    """
    open_payment = Q(reference=reference, status__in=OPEN_STATES, working_since=None)
    Payment.objects.filter(open_payment, cancel_asked_at=None).update(cancel_asked_at=Now())
    return _check_now(open_payment, AskedBy.CUSTOMER)


def cancel_was_requested(reference: str) -> bool:
    """Did the customer ever cancel a payment for this reference, with or without success?"""
    return Payment.objects.filter(reference=reference, cancel_asked_at__isnull=False).exists()


def money_may_come(reference: str) -> bool:
    """Is there a payment for this reference whose outcome is not known, or one that has succeeded?"""
    return Payment.objects.filter(reference=reference, status__in=OPEN_STATES | {Status.SUCCEEDED}).exists()


def open_or_paid_since(reference: OuterRef, moment: datetime) -> QuerySet[Payment]:
    """A subquery for the shop: payments for the reference that are open, that need an operator, that succeeded after
    that moment, or that have an open refund.
    """
    undecided = ~Q(attention=Attention.NONE)
    refunding = Q(Exists(Refund.objects.filter(payment=OuterRef("pk"), status__in=OPEN_REFUND_STATES)))
    paid = Q(status=Status.SUCCEEDED, ended_at__gte=moment)
    return Payment.objects.filter(Q(status__in=OPEN_STATES) | undecided | refunding | paid, reference=reference)


def unfinished(reference: OuterRef) -> QuerySet[Payment]:
    """A subquery for the shop: payments for the reference that are open, need an operator, have a refund that does, or
    a dispute without a decision, or whose events are not settled.
    """
    this = OuterRef("pk")
    refunds_left = Refund.objects.filter(Q(status__in=OPEN_REFUND_STATES) | ~Q(attention=Attention.NONE), payment=this)
    disputed = Dispute.objects.filter(status__in=UNDECIDED_DISPUTES, payment=this)
    unsettled = PaymentEvent.objects.filter(settle_after__isnull=False, payment=this)
    itself = Q(status__in=OPEN_STATES) | ~Q(attention=Attention.NONE)
    left = itself | Q(Exists(refunds_left)) | Q(Exists(disputed)) | Q(Exists(unsettled))
    return Payment.objects.filter(left, reference=reference)


def history(reference: str) -> History:
    """All payments of a reference in five queries, without the bodies of callbacks."""
    return History(
        payments=list(Payment.objects.filter(reference=reference).order_by("pk")),
        events=list(PaymentEvent.objects.filter(payment__reference=reference).order_by("pk")),
        refunds=list(Refund.objects.filter(payment__reference=reference).select_related("payment").order_by("pk")),
        disputes=list(Dispute.objects.filter(payment__reference=reference).order_by("pk")),
        callbacks=list(Callback.objects.filter(payment__reference=reference).defer("body").order_by("pk")),
    )


def outcomes(reference: str) -> list[PaymentEvent]:
    """Events of failed payments and successful refunds, oldest first, in one query."""
    shown = Q(refund=None, target=Status.FAILED) | Q(refund__isnull=False, target=RefundStatus.SUCCEEDED)
    events = PaymentEvent.objects.filter(shown, payment__reference=reference).select_related("refund__payment")
    return list(events.order_by("pk"))


def latest(reference: str) -> Payment | None:
    """The newest payment for this reference."""
    return Payment.objects.filter(reference=reference).order_by("-id").first()


def _check_now(which: Q, asked_by: AskedBy) -> bool:
    payment = Payment.objects.filter(which & KNOWN_THERE).only("pk").first()
    if payment is None:
        return False
    polling.check_soon(CHECK_QUEUE, payment.pk, asked_by, "check_payment")
    return True
