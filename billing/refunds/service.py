"""Refunds: start one, check it now, decide on one, and record those that were made in the provider's own pages.

`payment.refunds_minor` counts the money that refunds hold, open and succeeded ones. It changes only under the payment's
lock, together with the refunds, so no more is refunded than was received. Lock order: refund, payment.
"""

import hashlib
import logging
from collections.abc import Collection
from functools import partial

from django.db import transaction
from django.db.models import Q, Sum
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from billing import disputes, polling
from billing.attention import require_attention, withdraw_attention
from billing.models import AskedBy, Attention, Payment, Refund
from billing.money import Money
from billing.outbox import record_event
from billing.refunds.follow import REFUND_QUEUE, end
from billing.states import OPEN_REFUND_STATES, RefundStatus
from config.actions import ActionRefused
from config.due.queue import database_now
from config.formats.sentences import stored
from config.messaging.nudges import nudge

log = logging.getLogger(__name__)

BY_PROVIDER = stored(gettext_noop("provider"))
"""`wanted_by` of a refund that was made in the provider's own pages; here it is only recorded."""


# Stored as the reason of a refund, or as the note of a payment.
GIVEN_UP = stored(gettext_noop("given up by %(by)s: %(why)s"))
CONFIRMED = stored(gettext_noop("confirmed by %(by)s: %(why)s"))
SEEN_TO = stored(gettext_noop("seen to by %(by)s: %(why)s"))
DIFFER = stored(gettext_noop("the provider refunded %(theirs)s, we know of %(ours)s"))
IN_THEIR_BOOKS = stored(gettext_noop("found in the provider's books"))

# Refusals, which a rule stores as the note of an order.
NO_MONEY = stored(gettext_noop("No money has come with this payment, or it is not decided yet whether it is accepted."))
NO_ID = stored(
    gettext_noop("The provider's id of this payment is not known: give the money back in the provider's pages.")
)
HELD_BY_BANK = stored(
    gettext_noop("The customer's bank holds this money because of a dispute: a refund would pay it twice.")
)
TOO_MUCH = stored(gettext_noop("At most %(left)s can be refunded, not %(wanted)s."))


class CannotRefund(ActionRefused):
    """Nothing was refunded; the message tells the operator why."""


def start(payment_id: int, amount: Money | None, *, wanted_by: str, why: str, key: str) -> Refund:
    """Refund this amount of the payment, or all that is left of it (None).

    The same key returns the same refund, in any state: a form that is sent twice refunds once. Raises CannotRefund if
    nothing was received, if less than the amount is left, or if the key belongs to another refund.
    """
    with transaction.atomic(using=REFUND_QUEUE.database):
        payment = Payment.objects.select_for_update().get(pk=payment_id)
        if (known := made_with(key)) is not None:
            return _same(known, payment, amount)
        refund = hold(payment, _checked(payment, amount), wanted_by, why, idempotency_key=key)
        nudge("follow_refund", refund.pk)
    log.info("refund.wanted", extra={"refund": refund.pk, "payment": payment.pk, "amount": str(refund.amount)})
    return refund


def made_with(key: str) -> Refund | None:
    """The refund that a form with this key has started; it is `repeated`."""
    known = Refund.objects.select_related("payment").filter(idempotency_key=key).first()
    if known is not None:
        known.repeated = True
    return known


def key_for(payment: Payment, rule: str) -> str:
    """The key of the one refund that a rule wants of a payment; unique among all installations."""
    return hashlib.sha256(f"{rule}:{payment.idempotency_key}".encode()).hexdigest()[:32]


def check_now(payment: Payment, asked_by: AskedBy, refs: Collection[str] = ()) -> None:
    """Request a check of the payment's open refunds, and of the succeeded ones with one of these ids at the provider:
    the customer's bank may have returned them.
    """
    named = Q(status=RefundStatus.SUCCEEDED, provider_ref__in=[ref for ref in refs if ref])
    wanted = Refund.objects.filter(Q(status__in=OPEN_REFUND_STATES) | named, payment=payment)
    for refund_id in wanted.values_list("pk", flat=True):
        polling.check_soon(REFUND_QUEUE, refund_id, asked_by, "follow_refund")


def check_many_now(payments: Collection[int], asked_by: AskedBy) -> None:
    """Request a check of the open refunds of these payments."""
    REFUND_QUEUE.make_due(Q(payment__in=payments, status__in=OPEN_REFUND_STATES), asked_by)


def give_up(refund_id: int, by: str, why: str) -> Refund:
    """An operator has made sure, at the provider, that the refund was not carried out: its money is free again.

    Raises CannotRefund unless the refund is open and needs an operator.
    """
    return _decide(refund_id, RefundStatus.FAILED, by, GIVEN_UP % {"by": by, "why": why})


def confirm(refund_id: int, by: str, why: str) -> Refund:
    """An operator has made sure, at the provider, that the refund was carried out. Raises CannotRefund as `give_up`."""
    return _decide(refund_id, RefundStatus.SUCCEEDED, by, CONFIRMED % {"by": by, "why": why})


def note_returned(refund_id: int, by: str, why: str) -> Refund:
    """An operator has seen to the money that the bank returned. Raises CannotRefund if none was."""
    with transaction.atomic(using=REFUND_QUEUE.database):
        refund = Refund.objects.select_for_update().get(pk=refund_id)
        if refund.attention != Attention.RETURNED:
            raise CannotRefund(_("No bank has returned its money, or it has been seen to already."))
        refund.attention, refund.attention_note = Attention.NONE, (SEEN_TO % {"by": by, "why": why})[:200]
        refund.save(update_fields=["attention", "attention_note"])
    return refund


def hold(payment: Payment, amount: Money, wanted_by: str, why: str, **known: object) -> Refund:
    """Create a refund and reserve its amount on the locked payment; `known` are further columns of the refund."""
    payment.refunds_minor += amount.minor
    payment.save(update_fields=["refunds_minor"])
    row = {"amount_minor": amount.minor, "wanted_by": wanted_by[:150], "why": why[:200]}
    return Refund.objects.create(
        payment=payment, **{"next_check_at": database_now(REFUND_QUEUE.database), **row, **known}
    )


def _decide(refund_id: int, status: RefundStatus, by: str, reason: str) -> Refund:
    with transaction.atomic(using=REFUND_QUEUE.database):
        refund = Refund.objects.select_for_update().get(pk=refund_id)
        if not refund.attention or not refund.is_open:
            raise CannotRefund(_("It is still being followed, or it has ended: there is nothing to decide."))
        source = RefundStatus(refund.status)
        refund.reason = reason[:200]
        refund.move(status)
        end(refund)
        refund.save()
        record_event(refund, source, AskedBy.OPERATOR, database_now(REFUND_QUEUE.database))
    log.info("refund.decided", extra={"refund": refund_id, "status": status.value, "by": by})
    return refund


def _checked(payment: Payment, amount: Money | None) -> Money:
    left = payment.left
    if payment.is_open or left is None:
        raise CannotRefund(_(NO_MONEY))
    if not payment.provider_ref:
        raise CannotRefund(_(NO_ID))
    if disputes.undecided(payment):
        raise CannotRefund(_(HELD_BY_BANK))
    wanted = amount or left
    if wanted.currency != left.currency:
        raise CannotRefund(
            _("The payment was received in %(currency)s; only that can be refunded.") % {"currency": left.currency}
        )
    if not 0 < wanted.minor <= left.minor:
        raise CannotRefund(_(TOO_MUCH) % {"left": left.localized(), "wanted": wanted.localized()})
    return wanted


def _same(known: Refund, payment: Payment, amount: Money | None) -> Refund:
    if known.payment_id != payment.pk or amount not in (None, known.amount):
        raise CannotRefund(_("This form was already used for another refund. Please open it again."))
    return known


# --- refunds that the provider made -----------------------------------------------------------------------------------


def notice(payment_id: int, refunded_minor: int) -> Refund | None:
    """Record external refunds: what the provider refunded beyond our own refunds; `refunded_minor` is its total.

    A provider reports only the total. What our own refunds do not hold, open ones included, becomes a succeeded refund
    here, so the shop gets an event as for any other. If the total is less than our succeeded refunds, each of those is
    asked about again. Returns the new refund; None if the books agree, or may agree when the open refunds have ended.
    """
    with transaction.atomic(using=REFUND_QUEUE.database):
        return notice_held(Payment.objects.select_for_update().get(pk=payment_id), refunded_minor)


def notice_held(payment: Payment, refunded_minor: int) -> Refund | None:
    """The same for a locked payment. A total that our books cannot hold needs an operator, and writes no refund."""
    succeeded = _succeeded_minor(payment)
    external, left = refunded_minor - payment.refunds_minor, payment.left
    if refunded_minor < succeeded or left is None or external > left.minor:
        _books_differ(payment, refunded_minor, succeeded)
        return None
    withdraw_attention(payment, Attention.REFUNDS_DIFFER)
    if external > 0:
        return _note_external(payment, Money(external, left.currency))
    if refunded_minor > succeeded:
        _check_later(payment, ())
    return None


def _succeeded_minor(payment: Payment) -> int:
    done = Refund.objects.filter(payment=payment, status=RefundStatus.SUCCEEDED)
    return done.aggregate(minor=Sum("amount_minor"))["minor"] or 0


def _books_differ(payment: Payment, theirs: int, ours: int) -> None:
    currency = payment.received_currency or payment.currency
    note = DIFFER % {"theirs": Money(theirs, currency), "ours": Money(ours, currency)}
    if payment.attention_note == note:
        return  # it is known, and an operator may have noted it
    require_attention(payment, Attention.REFUNDS_DIFFER, note)
    payment.save(update_fields=["attention", "attention_note"])
    if theirs < ours:
        done = Refund.objects.filter(payment=payment, status=RefundStatus.SUCCEEDED)
        _check_later(payment, list(done.values_list("provider_ref", flat=True)))


def _check_later(payment: Payment, refs: Collection[str]) -> None:
    """After the lock: a worker that follows a refund has locked the refund, and waits for the payment."""
    transaction.on_commit(partial(check_now, payment, AskedBy.SCHEDULE, refs), using=REFUND_QUEUE.database)


def _note_external(payment: Payment, amount: Money) -> Refund:
    now = database_now(REFUND_QUEUE.database)
    ended = {"status": RefundStatus.SUCCEEDED, "next_check_at": None, "ended_at": now}
    refund = hold(payment, amount, BY_PROVIDER, IN_THEIR_BOOKS, **ended)
    record_event(refund, RefundStatus.CREATED, AskedBy.SCHEDULE, now)
    return refund
