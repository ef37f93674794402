"""External refunds: made in the provider's own pages, not by us. Our books follow.

A provider reports only the total that was refunded of a payment. If it is more than our own refunds hold, open ones
included, the rest is external: it becomes a succeeded refund here, so the shop gets an event as for any other. A total
that our books cannot hold needs an operator, and no refund is written.
"""

from functools import partial

from django.db import transaction
from django.db.models import Sum

from billing.attention import require_attention
from billing.models import AskedBy, Attention, Payment, Refund
from billing.money import Money
from billing.outbox import record_event
from billing.refunds.follow import REFUND_QUEUE
from billing.refunds.service import check_now, hold
from billing.states import RefundStatus
from config.due.queue import database_now

BY_PROVIDER = "provider"
"""`wanted_by` of a refund that was made in the provider's own pages; here it is only recorded."""


def notice(payment_id: int, refunded_minor: int) -> Refund | None:
    """Record what the provider refunded of this payment beyond our own refunds; `refunded_minor` is its total.

    Returns the new refund; None if the books agree, or may agree when the open refunds have ended.
    """
    with transaction.atomic(using=REFUND_QUEUE.database):
        return notice_held(Payment.objects.select_for_update().get(pk=payment_id), refunded_minor)


def notice_held(payment: Payment, refunded_minor: int) -> Refund | None:
    """The same for a locked payment. A total that our books cannot hold needs an operator."""
    succeeded = _succeeded_minor(payment)
    external = refunded_minor - payment.refunds_minor
    left = payment.left
    if refunded_minor < succeeded or left is None or external > left.minor:
        _books_differ(payment, refunded_minor, succeeded)
    elif external > 0:
        return _note_external(payment, external)
    elif refunded_minor > succeeded:
        # After the lock: a worker that follows the refund has locked the refund, and waits for the payment.
        transaction.on_commit(partial(check_now, payment, AskedBy.SCHEDULE), using=REFUND_QUEUE.database)
    return None


def _succeeded_minor(payment: Payment) -> int:
    done = Refund.objects.filter(payment=payment, status=RefundStatus.SUCCEEDED)
    return done.aggregate(minor=Sum("amount_minor"))["minor"] or 0


def _books_differ(payment: Payment, theirs: int, ours: int) -> None:
    currency = payment.received_currency or payment.currency
    note = f"the provider refunded {Money(theirs, currency)}, we know of {Money(ours, currency)}"
    require_attention(payment, Attention.REFUNDS_DIFFER, note)
    payment.save(update_fields=["attention", "attention_note"])


def _note_external(payment: Payment, minor: int) -> Refund:
    currency = payment.received_currency or payment.currency
    now = database_now(REFUND_QUEUE.database)
    ended = {"status": RefundStatus.SUCCEEDED, "next_check_at": None, "ended_at": now}
    refund = hold(payment, Money(minor, currency), BY_PROVIDER, "found in the provider's books", **ended)
    record_event(refund, RefundStatus.CREATED, AskedBy.SCHEDULE, now)
    return refund
